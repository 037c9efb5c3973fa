import { expect, it } from 'vitest';
import { diskProgressWords, diskResultWords } from '../../../migrate/src/xmigrate/disk-words.js';

const progress = { name: 'disk0', state: 'copying', doneBytes: 64e6, totalBytes: 128e6, bytesPerSecond: 40.12e6, etaMs: 1600 } as const;

it('says how a copy goes, and nothing of those that are over', () => {
  expect(diskProgressWords([progress])).toBe('disk0 64.0 of 128.0 MB, 40.1 MB/s, 2 s left');
  expect(
    diskProgressWords([
      { ...progress, etaMs: undefined },
      { ...progress, state: 'ready' },
      { ...progress, name: 'b' },
    ]),
  ).toBe('disk0 64.0 of 128.0 MB, 40.1 MB/s; b 64.0 of 128.0 MB, 40.1 MB/s, 2 s left');
  expect(diskProgressWords([{ ...progress, state: 'done' }])).toBe('');
});

it('says what was copied, and nothing of what was left', () => {
  const result = { name: 'disk0', method: 'nbd', outcome: 'copied', reason: '', bytes: 12e6, timeMs: 3456 } as const;
  expect(diskResultWords([result, { ...result, method: 'none', outcome: 'left', reason: 'shared' }])).toBe(
    ', with disk0 (12.0 MB by nbd in 3.46 s)',
  );
  expect(diskResultWords([])).toBe('');
});
