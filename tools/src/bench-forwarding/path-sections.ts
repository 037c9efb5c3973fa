import {
  contentDag,
  CHUNK_RESPONSE_BYTES,
  encodeChunkResponseHeader,
  encodeXip,
  NextHeader,
  PrincipalType,
  serviceDag,
  xipHeaderBytes,
} from 'xia-core';
import { median } from '../bench/statistics.js';
import type { Traffic } from './load-messages.js';
import { runPath, type Middle, type PathRun } from './path-run.js';
import { atLeast, atMost, figure, type Figure, type Section } from './report.js';
import { TARGET_AD } from './router-config.js';
import { numberedXid } from './workload.js';

const PACKET_BYTES = 1400;
/** Packets of 1400 bytes that fit one datagram for the kernel to cut. */
const RUN = 44;
const LARGE_SEGMENT_BYTES = 60_000;

const HERE = numberedXid(PrincipalType.HID, 0);
const THERE = serviceDag(TARGET_AD, HERE, numberedXid(PrincipalType.SID, 0));
const CONTENT = contentDag(numberedXid(PrincipalType.AD, 1), numberedXid(PrincipalType.HID, 1), numberedXid(PrincipalType.CID, 1));

export interface PathBenchOptions {
  readonly folder: string;
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly onNote: (text: string) => void;
}

interface Candidate {
  readonly name: string;
  readonly middle: Middle;
}

interface Measured {
  /** Packets by CPU second, round by round; undefined where it failed. */
  readonly rounds: readonly (number | undefined)[];
  readonly packetsPerCpuSecond: number | undefined;
  readonly packetsPerSecond: number | undefined;
}

type MeasuredBy<Name extends string> = { readonly values: Readonly<Record<Name, Measured>>; readonly notes: readonly string[] };

/** Runs each candidate in turn, several rounds, and takes the medians. One that cannot run here has no figures. */
async function compare<Name extends string>(
  candidates: Readonly<Record<Name, Candidate>>,
  traffic: Traffic,
  packetBytes: number,
  options: PathBenchOptions,
): Promise<MeasuredBy<Name>> {
  const names = Object.keys(candidates) as Name[];
  const runs = new Map<Name, (PathRun | undefined)[]>(names.map((name) => [name, []]));
  const notes = new Set<string>();
  for (let round = 0; round < options.rounds; round++) {
    for (const name of names) {
      const candidate: Candidate = candidates[name];
      options.onNote(`  ${candidate.name}, round ${round + 1}`);
      try {
        const run = await runPath({ ...options, middle: candidate.middle, traffic, packetBytes });
        runs.get(name)?.push(run);
      } catch (error) {
        runs.get(name)?.push(undefined);
        notes.add(`${candidate.name}: ${(error as Error).message.split('\n').join(' ')}`);
      }
    }
  }
  const values = Object.fromEntries(
    names.map((name) => {
      const rounds = runs.get(name) ?? [];
      const of = rounds.filter((run) => run !== undefined);
      const value: Measured = {
        rounds: rounds.map((run) => run?.packetsPerCpuSecond),
        packetsPerCpuSecond: median(of.map((run) => run.packetsPerCpuSecond)),
        packetsPerSecond: median(of.map((run) => run.packetsPerSecond)),
      };
      return [name, value];
    }),
  ) as Record<Name, Measured>;
  return { values, notes: [...notes] };
}

/** The median of the ratios of each round: what disturbed the machine then disturbed both. */
function ratioOf(one: Measured, other: Measured): number | undefined {
  const ratios = one.rounds.map((a, round) => {
    const b = other.rounds[round];
    return a === undefined || b === undefined || b === 0 ? undefined : a / b;
  });
  return median(ratios.filter((value) => value !== undefined));
}

function thousands(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value / 1000;
}

function figuresOf(name: string, measured: Measured): Figure[] {
  return [
    figure(`${name}, by CPU time`, thousands(measured.packetsPerCpuSecond), 'k packets/s of CPU'),
    figure(`${name}, by wall time`, thousands(measured.packetsPerSecond), 'k packets/s'),
  ];
}

function transitPacket(): Uint8Array {
  const headerBytes = xipHeaderBytes(THERE, THERE);
  return encodeXip({
    nextHeader: NextHeader.TRANSPORT,
    destination: THERE,
    source: THERE,
    payload: new Uint8Array(PACKET_BYTES - headerBytes),
  });
}

const router = (offload: 'auto' | 'off'): Candidate => ({ name: `router, offload ${offload}`, middle: { router: { offload } } });
const relay = (mode: 'one' | 'gathered' | 'runs', name: string): Candidate => ({ name, middle: { relay: mode } });

/** A real router between two processes, beside the smallest relays that do the same with the kernel. */
export async function pathSections(options: PathBenchOptions): Promise<Section[]> {
  const packet = transitPacket();
  const single: Traffic = { kind: 'transit', packet, run: 1 };
  const runs: Traffic = { kind: 'transit', packet, run: RUN };
  const one = relay('one', 'relay, one by one');
  const singly = await compare(
    { one, gathered: relay('gathered', 'relay that gathers'), off: router('off'), auto: router('auto') },
    single,
    PACKET_BYTES,
    options,
  );
  const { values } = singly;
  const [plain, gathering, best] = [
    ratioOf(values.off, values.one),
    ratioOf(values.auto, values.one),
    ratioOf(values.gathered, values.one),
  ];
  const inRuns = await compare({ relay: relay('runs', 'relay of runs'), router: router('auto') }, runs, PACKET_BYTES, options);
  const offloaded = ratioOf(inRuns.values.router, inRuns.values.relay);
  const perCpu = inRuns.values.router.packetsPerCpuSecond;
  const gigabits = perCpu === undefined ? undefined : (8 * PACKET_BYTES * perCpu) / 1e9;
  return [
    {
      name: `a router process, packets of ${PACKET_BYTES} bytes that are sent singly`,
      figures: [
        ...figuresOf('relay, one by one', values.one),
        ...figuresOf('relay that gathers', values.gathered),
        ...figuresOf('router, offload off', values.off),
        ...figuresOf('router, offload auto', values.auto),
        figure('relay that gathers over one by one', best, 'times'),
      ],
      reaches: [
        atLeast('router, offload off, over relay one by one', plain, 0.7),
        atLeast('router, offload auto, over relay one by one', gathering, 1.2),
      ],
      notes: singly.notes,
    },
    {
      name: `a router process, packets of ${PACKET_BYTES} bytes in runs of ${RUN}`,
      figures: [
        ...figuresOf('relay of runs', inRuns.values.relay),
        ...figuresOf('router, offload auto', inRuns.values.router),
        figure('router', gigabits, 'Gbit/s of CPU'),
      ],
      reaches: [atLeast('router over relay of runs', offloaded, 0.6), atLeast('Gbit by CPU second', gigabits, 6)],
      notes: inRuns.notes,
    },
  ];
}

/** A chunk response without its data, and where in it the CID is. */
function responseHead(): { head: Uint8Array; cidOffset: number } {
  const header = new Uint8Array(CHUNK_RESPONSE_BYTES);
  encodeChunkResponseHeader(header, 0, { offset: 0, length: 0, chunkLength: 0, ttlSeconds: 0 });
  const head = encodeXip({ nextHeader: NextHeader.CHUNK, destination: THERE, source: CONTENT, payload: header });
  return { head, cidOffset: head.length - CHUNK_RESPONSE_BYTES - 24 };
}

/** What a chunk cache costs a router when nothing that comes by is ever asked for again. */
export async function cacheCostSections(options: PathBenchOptions): Promise<Section[]> {
  const { head, cidOffset } = responseHead();
  const bytes = 64_000_000;
  const candidates = {
    off: { name: 'cache off', middle: { router: { offload: 'off' as const } } },
    always: { name: 'cache, admit always', middle: { router: { offload: 'off' as const, cache: { bytes, admit: 'always' } } } },
    second: {
      name: 'cache, admit second-request',
      middle: { router: { offload: 'off' as const, cache: { bytes, admit: 'second-request' } } },
    },
  };
  const sections: Section[] = [];
  for (const segmentBytes of [LARGE_SEGMENT_BYTES, PACKET_BYTES - head.length]) {
    const chunkBytes = segmentBytes * (segmentBytes === LARGE_SEGMENT_BYTES ? 16 : 48);
    const traffic: Traffic = { kind: 'chunks', head, cidOffset, chunkBytes, segmentBytes };
    const { values, notes } = await compare(candidates, traffic, head.length + segmentBytes, options);
    const cost = (measured: Measured): number | undefined => {
      const ratio = ratioOf(values.off, measured);
      return ratio === undefined ? undefined : 100 * (ratio - 1);
    };
    sections.push({
      name: `chunks that never hit, of ${chunkBytes} bytes in segments of ${segmentBytes}`,
      figures: [
        ...figuresOf('cache off', values.off),
        ...figuresOf('admit always', values.always),
        ...figuresOf('admit second-request', values.second),
        figure('admit always costs', cost(values.always), '% more CPU'),
        figure('admit second-request costs', cost(values.second), '% more CPU'),
      ],
      reaches: [atMost('% more CPU with the cache on, admit second-request', cost(values.second), 5)],
      notes,
    });
  }
  return sections;
}
