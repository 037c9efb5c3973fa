import { expect, test } from 'vitest';
import { DEFAULT_WORKLOAD, formatGuestConfig, parseGuestConfig } from '../../../migrate/src/guest/guest-config.js';

test('reads what it wrote, and hands the application its part untouched', () => {
  const config = { workload: DEFAULT_WORKLOAD, application: { key: 'secret', list: [1, null] } };
  expect(parseGuestConfig(formatGuestConfig(config))).toEqual(config);
  expect(parseGuestConfig('{}')).toEqual({});
});

test.each([
  ['no JSON', 'hello', /not JSON/],
  ['an unknown key', '{"workloads":{}}', /workloads/],
  ['a negative size', '{"workload":{"bytes":-1,"dirtyBytesPerSecond":0,"seed":1}}', /workload\.bytes/],
  ['too much text', ' '.repeat(70_000), /65536 bytes/],
])('refuses %s', (_what, text, reason) => {
  expect(() => parseGuestConfig(text)).toThrow(expect.objectContaining({ code: 'bad-config', message: expect.stringMatching(reason) }));
});
