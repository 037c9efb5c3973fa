import type { Section } from '../bench-forwarding/report.js';
import { timeFigures, under } from './figures.js';
import { runHandover, type HandoverRun } from './handover-run.js';
import { repeat, type Rounds } from './repeat.js';
import type { SectionOptions } from './section-options.js';
import type { MoveKind } from './shuttle.js';

const DELIVERED_MS = { p50: 10, p99: 50 } as const;
const GAP_MS = { p50: 20, p99: 60 } as const;
const BEACONS_MS = 150;

const text = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(0));

async function runs(kind: MoveKind, options: SectionOptions): Promise<Rounds<HandoverRun>> {
  const { rounds, signal, onNote } = options;
  return repeat(rounds, signal, async (round) => {
    const run = await runHandover(options, kind, `${kind}-${round}`);
    onNote(
      `  ${round + 1} of ${rounds}: ${run.from} to ${run.to}, paused ${text(run.pausedMs)} ms (QEMU's downtime ${text(run.downtimeMs)}), ` +
        `delivered after ${text(run.seenMs.delivered)} ms, gap at the client ${text(run.gapMs)} ms, ${run.echoesLost} echoes lost`,
    );
    return run;
  });
}

function minus(value: number | undefined, other: number | undefined): number | undefined {
  return value === undefined || other === undefined ? undefined : value - other;
}

/** Where the time goes, in the order in which it happens. */
function breakdown(all: readonly (HandoverRun | undefined)[]): Section['figures'] {
  return [
    ...timeFigures(
      "QEMU's downtime, as its source says",
      all.map((run) => run?.downtimeMs),
    ),
    ...timeFigures(
      'STOP to RESUME, by the stamps of both monitors',
      all.map((run) => run?.pausedMs),
    ),
    ...timeFigures(
      'RESUME to the announcement (RARP) at the host',
      all.map((run) => run?.announcedMs),
    ),
    ...timeFigures(
      "RESUME to the machine's first packet at the host",
      all.map((run) => run?.seenMs.spoke),
    ),
    ...timeFigures(
      'RESUME to its binding on the way to the gateway',
      all.map((run) => run?.seenMs.asked),
    ),
    ...timeFigures(
      "RESUME to the gateway's ack at the host",
      all.map((run) => run?.seenMs.accepted),
    ),
    ...timeFigures(
      'RESUME to the first packet delivered',
      all.map((run) => run?.seenMs.delivered),
    ),
    ...timeFigures(
      "RESUME to the machine's first answer at the host",
      all.map((run) => run?.seenMs.answered),
    ),
    ...timeFigures(
      'RESUME to the first answer at the client',
      all.map((run) => run?.firstReplyMs),
    ),
    ...timeFigures(
      'gap at the client',
      all.map((run) => run?.gapMs),
    ),
    ...timeFigures(
      'gap less STOP to RESUME',
      all.map((run) => minus(run?.gapMs, run?.pausedMs)),
    ),
    ...timeFigures(
      "gap less QEMU's downtime",
      all.map((run) => minus(run?.gapMs, run?.downtimeMs)),
    ),
    ...timeFigures(
      'the whole move',
      all.map((run) => run?.totalTimeMs),
    ),
  ];
}

const NOTES = [
  'STOP and RESUME are the stamps of QEMU; what the host sees has the stamps of its capture, which are up to 1 ms early',
  "the gap is the longest time around the pause without an answer to an xping; it is judged less STOP to RESUME, the time that the guest runs nowhere. QEMU's own downtime ends when its source has written the last byte",
];

/** Figures 1 and 2: the machine is moved by xmigrate, as people move it. */
export async function handoverSections(options: SectionOptions): Promise<Section[]> {
  const { runs: all, notes } = await runs('xia', options);
  const delivered = all.map((run) => run?.seenMs.delivered);
  const beyond = all.map((run) => minus(run?.gapMs, run?.pausedMs));
  return [
    {
      name: `handover: ${all.length} moves by xmigrate`,
      figures: breakdown(all),
      reaches: [
        under('RESUME to the first packet delivered, ms', delivered, 'p50', DELIVERED_MS.p50),
        under('RESUME to the first packet delivered, ms', delivered, 'p99', DELIVERED_MS.p99),
        under('gap at the client less STOP to RESUME, ms', beyond, 'p50', GAP_MS.p50),
        under('gap at the client less STOP to RESUME, ms', beyond, 'p99', GAP_MS.p99),
      ],
      notes: [...NOTES, ...notes],
    },
  ];
}

/** Figure 3: QEMU moves the machine by itself, tells nobody and does not announce it. Only beacons tell the guest. */
export async function beaconSections(options: SectionOptions): Promise<Section[]> {
  const { runs: all, notes } = await runs('silent', options);
  return [
    {
      name: `beacons only: ${all.length} moves by QEMU's tcp:, no announcement, no host told, a beacon every 100 ms`,
      figures: breakdown(all),
      reaches: [
        under(
          'RESUME to the first packet delivered, ms',
          all.map((run) => run?.seenMs.delivered),
          'p50',
          BEACONS_MS,
        ),
      ],
      notes: ['the agent in the guest hears the beacons of the new host, and misses those of the old one', ...notes],
    },
  ];
}
