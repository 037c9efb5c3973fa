import { describe, expect, it } from 'vitest';
import { parseRoutes, staleAtHost, staleAtRouter } from '../../../tools/src/demo/stale-entries.js';

const vm = 'HID:vm';
const now = { ad: 'AD:2', host: 'HID:b' };

describe('staleAtHost', () => {
  const defaults = { type: 'HID', xid: '(default)', next: 'up/1' };
  it('is satisfied with no entry, and with one that leads up', () => {
    expect(staleAtHost([defaults], vm)).toBeUndefined();
    expect(staleAtHost([defaults, { type: 'HID', xid: vm, next: 'up/1' }], vm)).toBeUndefined();
    expect(staleAtHost([defaults, { type: 'HID', xid: vm, next: 'up' }], vm)).toBeUndefined();
  });

  it('finds an entry that leads to the empty place', () => {
    expect(staleAtHost([defaults, { type: 'HID', xid: vm, next: 'vm0/1' }], vm)).toBe('still sends to vm0/1');
  });
});

describe('staleAtRouter', () => {
  it('in another AD must send towards the AD where the VM is', () => {
    const routes = (next: string) => [
      { type: 'AD', xid: 'AD:2', next: 'R2' },
      { type: 'HID', xid: 'HID:b', next: 'access/7' },
      { type: 'HID', xid: vm, next },
    ];
    expect(staleAtRouter(routes('R2/1'), vm, { ad: 'AD:1' }, now)).toBeUndefined();
    expect(staleAtRouter(routes('access/1'), vm, { ad: 'AD:1' }, now)).toContain('sends to access/1');
    expect(staleAtRouter([], vm, { ad: 'AD:1' }, now)).toBeUndefined();
  });

  it('in the same AD must send to the host where the VM is', () => {
    const routes = (next: string) => [
      { type: 'HID', xid: 'HID:b', next: 'access/2' },
      { type: 'HID', xid: vm, next },
    ];
    expect(staleAtRouter(routes('access/2'), vm, { ad: 'AD:2' }, now)).toBeUndefined();
    expect(staleAtRouter(routes('access/1'), vm, { ad: 'AD:2' }, now)).toContain('access/2');
  });
});

describe('parseRoutes', () => {
  it('refuses another shape', () => {
    expect(() => parseRoutes([{ type: 'HID' }])).toThrow();
    expect(() => parseRoutes('none')).toThrow();
  });
});
