import { expect, it } from 'vitest';
import { findingText } from '../../../migrate/src/checks/index.js';
import { groupRoomFindings, type GroupNeed } from '../../../migrate/src/group/group-room.js';

const disk = (who: string, fileSystem: string, bytes: number) => ({
  who,
  fileSystem,
  bytes,
  freeBytes: 100e6,
  image: `/${fileSystem}/${who}.img`,
});
const needs = (vm: string, takesBytes: number | undefined, ...disks: GroupNeed['disks']): GroupNeed => ({ vm, takesBytes, disks });
const words = (group: readonly GroupNeed[]) => groupRoomFindings(group, 2e9).map(findingText);

it('finds room for what fits together', () => {
  expect(words([needs('one', 1e9, disk('a', 'x', 60e6)), needs('two', 1e9, disk('a', 'y', 60e6)), needs('far', undefined)])).toEqual([]);
});

it('says once for each place who takes what of it, where each fits alone', () => {
  const group = [
    needs('one', 1.5e9, disk('a', 'x', 60e6), disk('b', 'y', 10e6)),
    needs('two', 1e9, disk('a', 'x', 50e6)),
    needs('idle', 0, disk('a', 'x', 0)),
  ];
  expect(words(group)).toEqual([
    'destination: its machine has 2000 MB of free memory, 2500 MB will be taken (one 1500 MB, two 1000 MB); free 500 MB there, or move less',
    'destination: the file system of /x/a.img has 100 MB free, 110 MB more will be taken (one/a 60 MB, two/a 50 MB); ' +
      'free 10 MB there, or put an image elsewhere',
  ]);
});

it('leaves what one VM alone is too large for to that one', () => {
  expect(words([needs('one', 3e9, disk('a', 'x', 200e6))])).toEqual([]);
});
