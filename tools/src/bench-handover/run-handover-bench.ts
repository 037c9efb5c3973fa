import { join } from 'node:path';
import { cpus, release } from 'node:os';
import { Disposals } from '../common/disposals.js';
import type { Report, Section } from '../bench-forwarding/report.js';
import { Lab, prepareGuest } from '../lab/index.js';
import { loadTopology, withUnderlay, type Underlay } from '../xtestbed/index.js';
import { datagramSections } from './datagram-section.js';
import { beaconSections, handoverSections } from './handover-section.js';
import { scaleSections } from './scale-section.js';
import type { SectionOptions } from './section-options.js';
import { Shuttle } from './shuttle.js';
import { streamSections } from './stream-section.js';

/** What moves a machine, and how often of the rounds of the first: the others are longer, or compare more. */
const moves = {
  handover: { measure: handoverSections, share: 1 },
  beacons: { measure: beaconSections, share: 0.2 },
  datagrams: { measure: datagramSections, share: 0.1 },
  streams: { measure: streamSections, share: 0.05 },
} as const satisfies Record<string, { measure: (options: SectionOptions) => Promise<Section[]>; share: number }>;

type MoveName = keyof typeof moves;
export type SectionName = MoveName | 'scale';
const moveNames = Object.keys(moves) as MoveName[];
export const sectionNames: readonly SectionName[] = [...moveNames, 'scale'];

export const FULL_ROUNDS = 100;
const QUICK_ROUNDS = 2;
const SITES = ['HOST_A', 'HOST_B'] as const;
/** The smallest in which Linux unpacks the image of the guest, half of its memory being for files. */
const MEMORY_MB = 384;
const MACHINES = { full: { machines: 1000, moving: 100 }, quick: { machines: 40, moving: 8 } } as const;

export interface HandoverBenchOptions {
  readonly runDir: string;
  readonly quick: boolean;
  /** Moves of the section `handover`, 100 by default, 2 when quick; the others follow from it. */
  readonly rounds?: number | undefined;
  readonly sections: readonly SectionName[];
  readonly downtimeLimitMs: number;
  /** Between two echoes of the client that watches a handover. */
  readonly echoIntervalMs: number;
  /** Between hosts and routers, but for the section `scale`. */
  readonly links: Underlay;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

/** Moves one guest back and forth between two hosts, and a hundred nodes between two routers. */
export async function runHandoverBench(options: HandoverBenchOptions): Promise<Report> {
  const { runDir, quick, sections: wanted, downtimeLimitMs, echoIntervalMs, links, signal, onNote } = options;
  const rounds = options.rounds ?? (quick ? QUICK_ROUNDS : FULL_ROUNDS);
  const versions: Record<string, string> = { node: process.versions.node, hostKernel: release(), cpu: cpus()[0]?.model ?? 'unknown' };
  const sections: Section[] = [];
  const movesWanted = moveNames.filter((name) => wanted.includes(name));
  if (movesWanted.length > 0) {
    await using stack = new Disposals();
    const guest = await prepareGuest(runDir, { signal });
    const topology = { ...withUnderlay(await loadTopology('inter-ad'), links), moves: { limit: 1_000_000, windowMs: 180_000 } };
    const load = { workloadBytes: 0, dirtyBytesPerSecond: 0, preallocate: true, memoryMb: MEMORY_MB };
    const lab = stack.use(await Lab.start({ topology, runDir, guest, signal, ...load }));
    const shuttle = await Shuttle.start(lab, SITES, { downtimeLimitMs, signal });
    Object.assign(versions, {
      qemu: shuttle.qemuVersion,
      accelerator: guest.accelerator.accelerator,
      guestKernel: guest.kernelRelease,
    });
    for (const name of movesWanted) {
      const { measure, share } = moves[name];
      onNote(name);
      sections.push(...(await measure({ shuttle, rounds: Math.max(1, Math.round(rounds * share)), echoIntervalMs, signal, onNote })));
    }
  }
  if (wanted.includes('scale')) {
    onNote('scale');
    const size = quick ? MACHINES.quick : MACHINES.full;
    sections.push(...(await scaleSections({ runDir: join(runDir, 'scale'), ...size, signal, onNote })));
  }
  return {
    sections,
    settings: { quick, rounds, sections: wanted, downtimeLimitMs, echoIntervalMs, links, memoryMb: MEMORY_MB, cores: cpus().length },
    versions,
  };
}
