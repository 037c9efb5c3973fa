import { expect, it } from 'vitest';
import { dropsOf } from '../../../tools/src/xlink/kernel-drops.js';

it('counts what the system dropped at ports', () => {
  const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1234: 0100007F:1B59 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 100 2 0000000000000000 3
 1235: 0100007F:1B5A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 101 2 0000000000000000 40
 1236: 0100007F:1B5B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 102 2 0000000000000000 500
`;
  expect(dropsOf(table, new Set([7001, 7003]))).toBe(503);
  expect(dropsOf('', new Set([7001]))).toBe(0);
});
