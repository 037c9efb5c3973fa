import { setTimeout as delay } from 'node:timers/promises';
import { figure, type Section } from '../bench-forwarding/report.js';
import { timeFigures, under } from './figures.js';
import { OBSERVER } from './handover-run.js';
import { Load } from './load.js';
import { repeat } from './repeat.js';
import { spreadOf } from './quantiles.js';
import type { SectionOptions } from './section-options.js';
import { wallNow } from './wall-clock.js';
import { recoveryOf, type Recovery } from './throughput.js';

/** The stream's own start is not what is measured. */
const WARM_UP_MS = 2000;
const BEFORE_MS = 1500;
const AFTER_MS = 5000;
const SHARE = 0.9;
const WINDOW_MS = 100;
const RECOVERED_MS = 300;

async function move(load: Load, { shuttle, signal }: SectionOptions, machineSends: boolean): Promise<Recovery | undefined> {
  await shuttle.prepare();
  await load.begin({ kind: 'bulk', host: shuttle.address, machineSends });
  await delay(WARM_UP_MS + BEFORE_MS, undefined, { signal });
  const startedAtMs = wallNow();
  const { resumedAtMs } = await shuttle.move('xia');
  await delay(AFTER_MS, undefined, { signal });
  const { samples } = await load.end('bulk');
  return recoveryOf(samples, { share: SHARE, windowMs: WINDOW_MS, startedAtMs, beforeMs: BEFORE_MS, resumedAtMs });
}

/** Figure 5: how soon a STREAM that is as busy as it can be is as fast again as before the move. */
export async function streamSections(options: SectionOptions): Promise<Section[]> {
  const { shuttle, rounds, signal, onNote } = options;
  const sections: Section[] = [];
  for (const machineSends of [true, false]) {
    const { runs, notes } = await repeat(rounds, signal, async (round) => {
      await using load = await Load.start(shuttle.lab.testbed, OBSERVER);
      const run = await move(load, options, machineSends);
      const text = run?.recoveredMs === undefined ? 'not recovered' : `recovered after ${run.recoveredMs.toFixed(0)} ms`;
      onNote(`  ${round + 1} of ${rounds}, the machine ${machineSends ? 'sends' : 'receives'}: ${text}`);
      return run;
    });
    const recovered = runs.map((run) => run?.recoveredMs);
    const megabytes = (of: (run: Recovery) => number) => spreadOf(runs.map((run) => run && of(run) / 1e6))?.p50;
    sections.push({
      name: `a busy STREAM, the machine ${machineSends ? 'sends' : 'receives'}`,
      figures: [
        figure(
          'before the move, p50',
          megabytes(({ before }) => before),
          'MB/s',
        ),
        figure(
          '5 s after it, p50',
          megabytes(({ after }) => after),
          'MB/s',
        ),
        ...timeFigures('RESUME to 90 % of the rate before', recovered),
      ],
      reaches: [under('RESUME to 90 % of the rate before, ms', recovered, 'p50', RECOVERED_MS)],
      notes: [`the rate is that of ${WINDOW_MS} ms, sampled every 20 ms where the bytes arrive`, ...notes],
    });
  }
  return sections;
}
