import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take 8 s and more, the longest first: begun last, one of them would be waited for by a core that has nothing else to do. */
const LONGEST = [
  'test/fuzz/fuzz.e2e.test.ts',
  'test/repository/readme.e2e.test.ts',
  'test/tools/xtestbed/testbed.e2e.test.ts',
  'test/e2e/kill.e2e.test.ts',
  'test/kill/kill.e2e.test.ts',
  'test/simulation/lab-snapshot.test.ts',
  'test/e2e/network.e2e.test.ts',
  'test/migrate/run/busy-guest.e2e.test.ts',
  'test/e2e/xcat.e2e.test.ts',
  'test/e2e/copies.e2e.test.ts',
  'test/migrate/disk/disk-faults.e2e.test.ts',
  'test/migrate/disk/disk-move.e2e.test.ts',
  'test/simulation/migration.test.ts',
  'test/tools/xtestbed/boot.e2e.test.ts',
  'test/tools/bench-handover/scale.e2e.test.ts',
  'test/tools/bench-forwarding/bench.e2e.test.ts',
  'test/simulation/moves.test.ts',
  'test/repository/readme.test.ts',
  'test/xia-core/congestion/bottleneck.test.ts',
  'test/simulation/fetch-paths.test.ts',
  'test/xia-core/mobility/moves.test.ts',
];

/** Vitest's own order, but for the files of which it is known that they take long. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => LONGEST.findIndex((path) => moduleId.endsWith(`/${path}`));
    // oxlint-disable-next-line unicorn/no-array-sort -- a sequencer's, not an array's: it leaves `files` as they are
    const sorted = await super.sort(files);
    const long = sorted.filter((file) => rank(file) >= 0).toSorted((one, other) => rank(one) - rank(other));
    return [...long, ...sorted.filter((file) => rank(file) < 0)];
  }
}
