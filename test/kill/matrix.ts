import { SeededRandom } from 'xia-core';

/** What is killed, or cut. */
export const victims = [
  'send',
  'recv',
  'run',
  'disk-connect',
  'disk-listen',
  'source-qemu',
  'destination-qemu',
  'HOST_A',
  'HOST_B',
  'R1',
  'R2',
  'names',
  'link',
] as const;
export type Victim = (typeof victims)[number];

/**
 * When. `hello`: both programs have started, and have not found each other; `first`, `middle`, `last`: of QEMU's passes over the memory, the last one
 * with the guest stopped; `done`: between DONE and COMMITTED, while the destination's QEMU loads; `commit`: COMMITTED is on its way; `after`: the
 * move is over.
 */
export const moments = ['hello', 'first', 'middle', 'last', 'done', 'commit', 'after'] as const;
export type Moment = (typeof moments)[number];

/**
 * How the move is made. `run`: by `xmigrate run`; `disks`: the same with a disk, which is mirrored beside the memory; `hand`: by both monitors,
 * `migrate exec:` and `migrate-incoming exec:`, so that nobody looks on.
 */
export const ways = ['run', 'hand', 'disks'] as const;
export type Way = (typeof ways)[number];

export interface KillCase {
  readonly way: Way;
  readonly victim: Victim;
  readonly moment: Moment;
  /** When it is there again: ms after the fault; Infinity: not at all. */
  readonly outageMs: number;
}

/** From this on both ends have missed each other. */
const LONG_OUTAGE_MS = 30_000;

const daemons: ReadonlySet<Victim> = new Set(['HOST_A', 'HOST_B', 'R1', 'R2', 'names']);

const diskEnds: ReadonlySet<Victim> = new Set(['disk-connect', 'disk-listen']);

/** Few of each: what they have in common with a move by `run` is tried there. */
const others: readonly (readonly [Way, readonly Victim[], readonly Moment[]])[] = [
  ['hand', ['send', 'recv'], ['first', 'done', 'commit']],
  ['hand', ['source-qemu', 'destination-qemu'], ['first', 'commit']],
  ['disks', ['disk-connect', 'disk-listen'], ['first', 'middle', 'last']],
  ['disks', ['run', 'destination-qemu'], ['first', 'commit']],
];

function outagesOf(victim: Victim): readonly number[] {
  if (victim === 'link') return [100, 1_000, 10_000, 60_000];
  // Nobody needs it meanwhile, so that it need not come back.
  if (victim === 'names' || !daemons.has(victim)) return [Infinity];
  return [1_000, Infinity];
}

/** All of them, in an order of the seed: what one leaves behind is met by another one each time. */
export function killCases(seed: number): KillCase[] {
  const byRun = victims.filter((victim) => !diskEnds.has(victim));
  const all = byRun.flatMap((victim) =>
    outagesOf(victim).flatMap((outageMs) =>
      moments
        // Nothing is under way then that could notice.
        .filter((moment) => moment !== 'after' || (!daemons.has(victim) && victim !== 'link') || outageMs <= 1_000)
        .map((moment): KillCase => ({ way: 'run', victim, moment, outageMs })),
    ),
  );
  for (const [way, whom, when] of others) {
    all.push(...whom.flatMap((victim) => when.map((moment) => ({ way, victim, moment, outageMs: Infinity }))));
  }
  const random = new SeededRandom(seed);
  for (let index = all.length - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [all[index], all[other]] = [all[other]!, all[index]!];
  }
  return all;
}

export function caseName({ way, victim, moment, outageMs }: KillCase): string {
  const what = victim === 'link' ? 'cut' : 'killed';
  const back = outageMs === Infinity ? '' : ` for ${outageMs / 1000} s`;
  const how = { run: '', hand: ', moved by hand', disks: ', with a disk' }[way];
  return `${victim} ${what}${back} at ${moment}${how}`;
}

/** Whether the move has to end as if nothing had been. */
export function isRiddenThrough({ victim, moment, outageMs }: KillCase): boolean {
  return victim === 'names' || (victim === 'link' && outageMs < LONG_OUTAGE_MS && moment !== 'after');
}
