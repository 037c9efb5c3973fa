import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachePolicySections } from './cache-section.js';
import { engineSections } from './engine-sections.js';
import { cacheCostSections, pathSections } from './path-sections.js';
import type { Report, Section } from './report.js';
import type { WorkloadSize } from './workload.js';

export const sectionNames = ['engine', 'policies', 'path', 'cache'] as const;
export type SectionName = (typeof sectionNames)[number];

interface Scale {
  readonly size: WorkloadSize;
  readonly engineRounds: number;
  readonly mutations: number;
  readonly pathRounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly requests: number;
  readonly cachedChunks: number;
  readonly policyRounds: number;
}

const FULL: Scale = {
  size: { hids: 1_000_000, ads: 100_000, packets: 1 << 17 },
  engineRounds: 15,
  mutations: 100_000,
  pathRounds: 5,
  warmUpMs: 1000,
  measureMs: 2000,
  requests: 400_000,
  cachedChunks: 2000,
  policyRounds: 3,
};

/** Seconds, not minutes: to see that everything works. The figures mean little. */
const QUICK: Scale = {
  size: { hids: 20_000, ads: 2000, packets: 3000 },
  engineRounds: 3,
  mutations: 5000,
  pathRounds: 1,
  warmUpMs: 50,
  measureMs: 100,
  requests: 20_000,
  cachedChunks: 500,
  policyRounds: 1,
};

export interface ForwardingBenchOptions {
  readonly quick: boolean;
  readonly sections: readonly SectionName[];
  readonly onNote: (text: string) => void;
}

/** Measures forwarding and the chunk cache: the engine in this process, a router in one of its own. */
export async function runForwardingBench({ quick, sections, onNote }: ForwardingBenchOptions): Promise<Report> {
  const scale = quick ? QUICK : FULL;
  const folder = await mkdtemp(join(tmpdir(), 'xia-forwarding-'));
  const path = { folder, rounds: scale.pathRounds, warmUpMs: scale.warmUpMs, measureMs: scale.measureMs, onNote };
  const measured: Section[] = [];
  try {
    for (const name of sections) {
      onNote(name);
      if (name === 'engine') {
        measured.push(...engineSections({ size: scale.size, rounds: scale.engineRounds, mutations: scale.mutations }));
      } else if (name === 'policies') measured.push(...cachePolicySections(scale.requests, scale.cachedChunks, scale.policyRounds));
      else if (name === 'path') measured.push(...(await pathSections(path)));
      else measured.push(...(await cacheCostSections(path)));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    sections: measured,
    settings: { quick, sections, ...scale },
    versions: { node: process.versions.node, v8: process.versions.v8, cpu: cpus()[0]?.model ?? 'unknown', cores: String(cpus().length) },
  };
}
