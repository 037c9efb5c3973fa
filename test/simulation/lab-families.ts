import type { LinkPresetName } from 'xia-core';
import { labControllers, labReliableTransports, type LabCase } from './lab-case.js';
import { replayLine, runLab } from './lab-run.js';

/** Presets that are much alike. Each family is simulated as often as the others. */
export const labFamilies = {
  clean: ['lan', 'metro', 'wan', 'intercontinental'],
  loss: ['loss1', 'loss5', 'burst'],
  smoltcp: ['smoltcp'],
  reorder: ['reorder10'],
  blackout: ['blackout-0.5s', 'blackout-2s', 'blackout-10s'],
  bufferbloat: ['bufferbloat', 'asymmetric'],
  mtu: ['mtu-drop'],
  restart: ['router-restart'],
} as const satisfies Readonly<Record<string, readonly LinkPresetName[]>>;

export type LabFamily = keyof typeof labFamilies;

/** In `npm test`; `npm run simulate -- --size small` plays as many as one likes. */
const SEEDS_PER_FAMILY = 500;
const SEEDS_PER_TEST = 250;
/** More failures than this are only counted. */
const MAX_REPORTED = 5;

/** The first seed of each test of a family. */
export const seedBlocks = Array.from({ length: SEEDS_PER_FAMILY / SEEDS_PER_TEST }, (_, block) => block * SEEDS_PER_TEST);

/** Seeds go through presets, transports and controllers. */
function caseOf(family: LabFamily, seed: number): LabCase {
  const presets = labFamilies[family];
  const preset = presets[seed % presets.length]!;
  const round = Math.floor(seed / presets.length);
  const transport = labReliableTransports[round % labReliableTransports.length]!;
  const controller = labControllers[Math.floor(round / labReliableTransports.length) % labControllers.length]!;
  return { preset, transport, controller, seed, size: 'small' };
}

/** Simulates the seeds of one test: what failed, each with the command that runs it again, and in how many runs the link did some harm, and the most that waited before it. */
export function simulateBlock(
  family: LabFamily,
  firstSeed: number,
): { runs: number; harmedRuns: number; queueMaxBytes: number; failures: string[] } {
  const failures: string[] = [];
  let harmedRuns = 0;
  let runs = 0;
  let mostQueued = 0;
  for (let seed = firstSeed; seed < firstSeed + SEEDS_PER_TEST; seed++) {
    const what = caseOf(family, seed);
    const { fault, harmed, queueMaxBytes } = runLab(what);
    mostQueued = Math.max(mostQueued, queueMaxBytes);
    runs++;
    if (harmed > 0) harmedRuns++;
    if (fault !== undefined) failures.push(`${fault}: ${replayLine(what)}`);
  }
  const more = failures.splice(MAX_REPORTED).length;
  if (more > 0) failures.push(`and ${more} more`);
  return { runs, harmedRuns, queueMaxBytes: mostQueued, failures };
}
