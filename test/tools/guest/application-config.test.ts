import { describe, expect, it } from 'vitest';
import { checkGuestApplication } from '../../../tools/src/guest/application-config.js';

const good = { key: 'PEM', name: 'vm.xia', trust: [`AD:${'1'.repeat(40)}`] };

describe('checkGuestApplication', () => {
  it('reads what the lab writes', () => {
    const checked = checkGuestApplication(good);
    expect(checked).toMatchObject({ key: 'PEM', name: 'vm.xia' });
    expect(checked.trustedAds?.map(String)).toEqual(good.trust);
    expect(checkGuestApplication({ ...good, trust: [] }).trustedAds).toBeUndefined();
  });

  it.each([undefined, null, 'text', {}, { ...good, name: '' }, { ...good, more: 1 }, { ...good, trust: 'AD:1' }])('refuses %j', (value) => {
    expect(() => checkGuestApplication(value)).toThrow(expect.objectContaining({ code: 'bad-config' }));
  });

  it('refuses an AD that is none', () => {
    expect(() => checkGuestApplication({ ...good, trust: ['AD:12'] })).toThrow(expect.objectContaining({ code: 'bad-xid' }));
  });
});
