import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_CONGESTION, type CongestionName } from 'xia-core';
import type { Report, Section } from '../bench-forwarding/report.js';
import type { Underlay } from '../xtestbed/index.js';
import type { CompareOptions } from './compare.js';
import { cacheSections } from './cache-section.js';
import { idleSections } from './idle-section.js';
import { chunkSections, smallMtuSections, streamSections } from './loopback-sections.js';
import { migrationSections } from './migration-section.js';
import { peerSections } from './peer-section.js';
import type { TransferSize } from './transfer.js';
import { fairnessSections, lossSections, wanSections } from './wan-sections.js';

type Measure = (options: CompareOptions) => Promise<Section[]>;

/** What can be measured, in the order of the report. */
const measures = {
  chunks: chunkSections,
  migration: migrationSections,
  peers: peerSections,
  'chunks-1500': smallMtuSections,
  stream: streamSections,
  wan: wanSections,
  'wan-loss': lossSections,
  fairness: fairnessSections,
  'cache-recovery': cacheSections,
  idle: idleSections,
} as const satisfies Record<string, Measure>;

export type SectionName = keyof typeof measures;
export const sectionNames = Object.keys(measures) as SectionName[];

const FULL: TransferSize = { warmUpBytes: 300_000_000, bytes: 1_000_000_000 };
/** Seconds, not minutes: to see that everything works. The figures mean little. */
const QUICK: TransferSize = { warmUpBytes: 5_000_000, bytes: 20_000_000 };
const FULL_ROUNDS = 3;

export interface TransportBenchOptions {
  readonly quick: boolean;
  /** Rounds of each section; 3 by default, 1 when quick. */
  readonly rounds?: number | undefined;
  readonly sections: readonly SectionName[];
  /** Where every process of ours leaves a CPU profile. */
  readonly profileFolder?: string | undefined;
  /** Of the ends of ours; the default one if undefined. */
  readonly congestion?: CongestionName | undefined;
  /** Between the hosts and routers of the testbed of `migration`. */
  readonly links: Underlay;
  /** Where the peers are installed, and looked for. */
  readonly peersFolder: string;
  /** Ends it after the run at hand. */
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

/** Measures the transports, in processes of their own on this machine. */
export async function runTransportBench(options: TransportBenchOptions): Promise<Report> {
  const { quick, sections, profileFolder, peersFolder, congestion, links, signal, onNote } = options;
  const size = quick ? QUICK : FULL;
  const rounds = options.rounds ?? (quick ? 1 : FULL_ROUNDS);
  const folder = await mkdtemp(join(tmpdir(), 'xia-transport-'));
  const measured: Section[] = [];
  try {
    for (const name of sections) {
      onNote(name);
      measured.push(...(await measures[name]({ folder, rounds, size, profileFolder, peersFolder, congestion, links, signal, onNote })));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    sections: measured,
    settings: { quick, sections, rounds, congestion: congestion ?? DEFAULT_CONGESTION, links, ...size },
    versions: { node: process.versions.node, v8: process.versions.v8, cpu: cpus()[0]?.model ?? 'unknown', cores: String(cpus().length) },
  };
}
