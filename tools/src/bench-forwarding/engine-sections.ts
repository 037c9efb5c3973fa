import { ForwardingEngine, PrincipalType, SeededRandom } from 'xia-core';
import { median } from '../bench/statistics.js';
import { allocationsOf } from './allocation.js';
import { alternate, usedBytes } from './measure.js';
import { mutated } from './mutate.js';
import { NaiveEngine } from './naive-engine.js';
import { atLeast, atMost, figure, type Section } from './report.js';
import { difference, TransitPackets } from './transit.js';
import { fallbackPackets, fill, OWN_AD, routes, transitPackets, type WorkloadSize } from './workload.js';

const SALT = 0x5eed_0001;
/** Fewer packets than routes: they stay in the processor's cache, as one that has just been received does. */
const FALLBACK_PACKETS = 2048;
const LOOKUPS_PER_SAMPLE = 32;

export interface EngineBenchOptions {
  readonly size: WorkloadSize;
  readonly rounds: number;
  readonly mutations: number;
}

/** Everything about the engine alone: speed, fallbacks, memory, allocation, and whether each decision is right. */
export function engineSections({ size, rounds, mutations }: EngineBenchOptions): Section[] {
  const before = usedBytes();
  const engine = new ForwardingEngine({ maxRoutes: 2 * (size.hids + size.ads), salt: SALT });
  fill(engine, size);
  const bytesPerRoute = (usedBytes() - before) / (size.hids + size.ads);
  const naive = naiveTwin(size);
  const packets = new TransitPackets(transitPackets(size));
  return [
    oracleSection(engine, naive, packets.packets, mutations),
    speedSection(engine, naive, packets, rounds),
    fallbackSection(engine, size, rounds),
    {
      name: 'memory of the tables',
      figures: [figure('each route', bytesPerRoute, 'bytes')],
      reaches: [atMost('bytes of each route', bytesPerRoute, 120)],
      notes: [],
    },
    allocationSection(engine, packets, rounds),
  ];
}

/** A naive engine with the same routes. */
export function naiveTwin(size: WorkloadSize): NaiveEngine {
  const naive = new NaiveEngine();
  naive.setLocal(OWN_AD.type, OWN_AD.id);
  for (const { type, id, face, neighbour } of routes(size)) naive.set(type, id, face, neighbour);
  return naive;
}

function oracleSection(engine: ForwardingEngine, naive: NaiveEngine, packets: readonly Uint8Array[], mutations: number): Section {
  const rng = new SeededRandom(3);
  const differences = packets.map((packet) => difference(engine, naive, packet)).filter((found) => found !== undefined);
  for (let n = 0; n < mutations; n++) {
    const found = difference(engine, naive, mutated(packets[rng.below(packets.length)]!, rng));
    if (found !== undefined) differences.push(found);
  }
  return {
    name: 'decisions, compared with the naive engine',
    figures: [figure('packets', packets.length, ''), figure('mutations', mutations, ''), figure('differences', differences.length, '')],
    reaches: [atMost('differences', differences.length, 0)],
    notes: differences.slice(0, 3),
  };
}

function speedSection(engine: ForwardingEngine, naive: NaiveEngine, packets: TransitPackets, rounds: number): Section {
  const count = packets.packets.length;
  const ns = alternate({ engine: () => packets.forwardAll(engine), naive: () => packets.forwardAllNaively(naive) }, rounds);
  const millions = (taken: number) => (1000 * count) / taken;
  const lookups = lookupTimes(engine, packets.packets, rounds);
  return {
    name: 'engine alone, on one core',
    figures: [
      figure('decisions', millions(ns.engine), 'M/s of CPU'),
      figure('decisions of the naive engine', millions(ns.naive), 'M/s of CPU'),
      figure('the engine over the naive one', ns.naive / ns.engine, 'times'),
      figure('a lookup, median', lookups.p50, 'ns'),
      figure('a lookup, 99 of 100', lookups.p99, 'ns'),
    ],
    reaches: [atLeast('M decisions/s', millions(ns.engine), 1), atMost('ns of a lookup, median', lookups.p50, 300)],
    notes: [`a lookup is timed as one of ${LOOKUPS_PER_SAMPLE} in a row, by the wall clock`],
  };
}

/** Times lookups of the packets' own HIDs. */
function lookupTimes(engine: ForwardingEngine, packets: readonly Uint8Array[], rounds: number): { p50: number; p99: number } {
  const table = engine.table(PrincipalType.HID);
  const samples: number[] = [];
  let sum = 0;
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n + LOOKUPS_PER_SAMPLE <= packets.length; n += LOOKUPS_PER_SAMPLE) {
      const start = process.hrtime.bigint();
      for (let i = n; i < n + LOOKUPS_PER_SAMPLE; i++) {
        // The second node of every destination here.
        const slot = table.find(packets[i]!, 8 + 28 + 4);
        if (slot >= 0) sum += table.faceAt(slot) + table.neighbourAt(slot);
      }
      samples.push(Number(process.hrtime.bigint() - start) / LOOKUPS_PER_SAMPLE);
    }
  }
  samples.sort((a, b) => a - b);
  // The sum is used, so that no compiler may leave the lookups out.
  return { p50: sum < 0 ? 0 : (median(samples) ?? 0), p99: samples[Math.floor(samples.length * 0.99)] ?? 0 };
}

function fallbackSection(engine: ForwardingEngine, size: WorkloadSize, rounds: number): Section {
  const count = Math.min(FALLBACK_PACKETS, size.packets);
  const sets = [0, 1, 2, 3].map((taken) => new TransitPackets(fallbackPackets({ ...size, packets: count }, taken)));
  const repeats = Math.max(1, Math.round(size.packets / count / 2));
  const work = (taken: number) => () => {
    for (let n = 0; n < repeats; n++) sets[taken]?.forwardAll(engine);
  };
  const ns = alternate({ none: work(0), one: work(1), two: work(2), three: work(3) }, rounds);
  const each = (value: number) => value / (count * repeats);
  const growth = [ns.one, ns.two, ns.three].map((value, n) => (100 * (value / ns.none - 1)) / (n + 1));
  return {
    name: 'fallbacks taken',
    figures: [
      figure('none', each(ns.none), 'ns'),
      ...[ns.one, ns.two, ns.three].flatMap((value, n) => [
        figure(`${n + 1}`, each(value), 'ns'),
        figure(`${n + 1}, more than none for each`, growth[n], '%'),
      ]),
    ],
    reaches: [atMost('% more for each fallback', Math.max(...growth), 35)],
    notes: ['packets of one shape; only which of the four ways is routed differs'],
  };
}

function allocationSection(engine: ForwardingEngine, packets: TransitPackets, rounds: number): Section {
  packets.forwardAll(engine);
  const passes = Math.max(2, rounds);
  const forwarded = passes * packets.packets.length;
  const { totalBytes, byFunction } = allocationsOf(() => {
    for (let pass = 0; pass < passes; pass++) packets.forwardAll(engine);
  });
  return {
    name: 'allocation in the forwarding path',
    figures: [
      figure('packets', forwarded, ''),
      figure('each packet', totalBytes / forwarded, 'bytes'),
      ...byFunction.slice(0, 5).map(({ name, bytes }) => figure(`by ${name}, in all`, bytes, 'bytes')),
    ],
    // Less than the smallest object for every hundred packets: what is left is the sampler and the compiler.
    reaches: [atMost('bytes of each packet', totalBytes / forwarded, 0.1)],
    notes: [],
  };
}
