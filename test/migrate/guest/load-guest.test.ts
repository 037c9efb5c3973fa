import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { loadGuestArguments, loadGuestScript } from '../../../migrate/src/guest/load-guest.js';

test('the load is told on the kernel command line', () => {
  expect(loadGuestArguments({ fillKib: 300_000, rewriteKibPerSecond: 0 })).toEqual(['xia_fill_kib=300000', 'xia_rewrite_kib=0']);
  for (const fillKib of [-1, 1.5, Number.NaN]) {
    expect(() => loadGuestArguments({ fillKib, rewriteKibPerSecond: 0 })).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  }
});

test('the first process is a script that a shell can read', () => {
  expect(execFileSync('sh', ['-n'], { input: loadGuestScript(), encoding: 'utf8' })).toBe('');
});
