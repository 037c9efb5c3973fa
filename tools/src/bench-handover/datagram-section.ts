import { setTimeout as delay } from 'node:timers/promises';
import type { Section } from '../bench-forwarding/report.js';
import { figure } from '../bench-forwarding/report.js';
import { OBSERVER } from './handover-run.js';
import { setHolding } from './holding.js';
import { Load } from './load.js';
import { repeat } from './repeat.js';
import { spreadOf } from './quantiles.js';
import type { SectionOptions } from './section-options.js';
import { lossesBy, type LossesBy } from './losses.js';
import { dropsBetween, readPathDrops } from './path-drops.js';

const INTERVAL_MS = 1;
const SIZE_BYTES = 64;
const BEFORE_MS = 1000;
const AFTER_MS = 2000;

interface DatagramRun extends LossesBy {
  readonly sent: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly pausedMs: number;
  /** By the network, in packets of any kind. */
  readonly dropped: readonly (readonly [where: string, packets: number])[];
}

async function move(load: Load, { shuttle, signal }: SectionOptions, flow: number): Promise<DatagramRun> {
  await shuttle.prepare();
  const before = await readPathDrops(shuttle.lab.testbed);
  await load.begin({ kind: 'flow', host: shuttle.address, flow, intervalMs: INTERVAL_MS, sizeBytes: SIZE_BYTES });
  await delay(BEFORE_MS, undefined, { signal });
  const passage = await shuttle.move('xia');
  await delay(AFTER_MS, undefined, { signal });
  const { sent, lost, duplicates, missingSentMs } = await load.end('flow');
  const dropped = dropsBetween(before, await readPathDrops(shuttle.lab.testbed));
  return { sent, lost, duplicates, pausedMs: passage.pausedMs, dropped, ...lossesBy(missingSentMs, passage) };
}

function figuresOf(name: string, runs: readonly DatagramRun[]): Section['figures'] {
  const sum = (of: (run: DatagramRun) => number) => runs.reduce((total, run) => total + of(run), 0);
  const spread = spreadOf(runs.map(({ lost }) => lost));
  return [
    figure(
      `${name}: sent, in ${runs.length} moves`,
      sum(({ sent }) => sent),
      'datagrams',
    ),
    figure(
      `${name}: lost`,
      sum(({ lost }) => lost),
      'datagrams',
    ),
    figure(`${name}: lost in a move, p50`, spread?.p50, 'datagrams'),
    figure(`${name}: lost in a move, most`, spread?.max, 'datagrams'),
    figure(
      `${name}: sent before the machine stopped, and lost`,
      sum(({ before }) => before),
      'datagrams',
    ),
    figure(
      `${name}: sent while it stood still, and lost`,
      sum(({ during }) => during),
      'datagrams',
    ),
    figure(
      `${name}: sent after it went on, and lost`,
      sum(({ after }) => after),
      'datagrams',
    ),
    figure(
      `${name}: arrived twice`,
      sum(({ duplicates }) => duplicates),
      'datagrams',
    ),
    ...summed(runs.flatMap(({ dropped }) => dropped)).map(([where, packets]) =>
      figure(`${name}: dropped on the way, ${where}`, packets, 'packets'),
    ),
  ];
}

function summed(counts: readonly (readonly [string, number])[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const [where, packets] of counts) sums.set(where, (sums.get(where) ?? 0) + packets);
  return [...sums].toSorted(([a], [b]) => a.localeCompare(b));
}

/** Figure 4: 1000 datagrams a second to the machine while it moves, counted in the machine. */
export async function datagramSections(options: SectionOptions): Promise<Section[]> {
  const { shuttle, rounds, signal, onNote } = options;
  const { testbed } = shuttle.lab;
  await using load = await Load.start(testbed, OBSERVER);
  const runs: Record<'on' | 'off', DatagramRun[]> = { on: [], off: [] };
  const { notes } = await repeat(rounds, signal, async (round) => {
    for (const holding of ['on', 'off'] as const) {
      await setHolding(testbed, holding === 'on');
      const run = await move(load, options, 2 * round + (holding === 'on' ? 1 : 2));
      runs[holding].push(run);
      onNote(`  ${round + 1} of ${rounds}, holding ${holding}: ${run.lost} of ${run.sent} lost, paused ${run.pausedMs.toFixed(0)} ms`);
    }
  });
  await setHolding(testbed, true);
  const lost = runs.on.reduce((total, run) => total + run.lost, 0);
  return [
    {
      name: 'datagrams: 1000 a second to the machine',
      figures: [...figuresOf('holding', runs.on), ...figuresOf('no holding', runs.off)],
      reaches: [
        {
          name: 'datagrams lost with holding',
          value: notes.length === 0 ? lost : undefined,
          wanted: '0',
          ok: notes.length === 0 && lost === 0,
        },
      ],
      notes,
    },
  ];
}
