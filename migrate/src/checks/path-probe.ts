import { randomBytes } from 'node:crypto';
import { startFromOptions, Xid, XiaError, type XiaNode } from 'xia-core';
import { beaconClockAheadMs } from './beacon-clock.js';
import { probeEchoes } from './echo-probe.js';
import { fault, warning, type Finding } from './finding.js';

const DEFAULT_ATTACH_TIMEOUT_MS = 5000;
/** A statement that is older than its lifetime and 30 s is refused: half of that is worth a word. */
const MOST_CLOCK_DIFFERENCE_MS = 15_000;
const LOW_BANDWIDTH_BYTES_PER_SECOND = 4e6;
const PROBE_CHUNK_BYTES = 960 * 1024;
const PROBE_FETCHES = 4;
const PROBE_MS = 1000;

/** What two nodes, one attached on either side, see of the way between them. */
export interface PathFigures {
  readonly roundTripMs: number;
  /** The largest XIP packet that was seen to pass, bytes. */
  readonly packetBytes: number;
  /** How far the clock of the destination's router is ahead of that of the source's, ms; undefined when no beacon came in time. */
  readonly clockDifferenceMs: number | undefined;
  /** As chunks were fetched for a second; undefined when that was not asked for. */
  readonly bytesPerSecond: number | undefined;
}

export interface PathOptions {
  /** ADDR:PORT, or unix:PATH, of the XIA hosts. */
  readonly sourceHost: string;
  readonly destinationHost: string;
  /** ADs to believe, separated by commas; default: any. */
  readonly trust?: string | undefined;
  /** Whether to fetch chunks for a second. They are random, and may stay in caches on the way for a while. */
  readonly measureBandwidth: boolean;
  /** How long a host may take to let a node attach, default 5 s. */
  readonly attachTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Attaches a node to either host, as the two ends of a move will, and looks how well they reach each other. Each has a fresh
 * identity and leaves afterwards.
 */
export async function probePath(options: PathOptions): Promise<{ findings: Finding[]; figures: PathFigures | undefined }> {
  const findings: Finding[] = [];
  const ads = options.trust?.split(',').map((text) => Xid.parse(text.trim()));
  const attach = async (where: 'source' | 'destination', host: string): Promise<XiaNode | undefined> => {
    try {
      const trust = ads === undefined ? {} : { trust: ads };
      return await startFromOptions(
        { host, attachTimeout: options.attachTimeoutMs ?? DEFAULT_ATTACH_TIMEOUT_MS, ...trust },
        options.signal,
      );
    } catch (error) {
      if (!(error instanceof XiaError) || error.code === 'interrupted') throw error;
      const todo = `see that the host runs and that ${host} is one of its access faces ("xrouter show faces")`;
      findings.push(fault(where, `no XIA host lets a program attach at ${host}: ${error.message}`, todo));
      return undefined;
    }
  };
  const [source, destination] = await Promise.all([attach('source', options.sourceHost), attach('destination', options.destinationHost)]);
  try {
    if (source === undefined || destination === undefined) return { findings, figures: undefined };
    const figures = await measure(source, destination, options);
    if (figures === undefined) {
      const what = `nothing comes back from the host at ${options.destinationHost} to the one at ${options.sourceHost}`;
      findings.push(fault('path', what, 'see the routes between them ("xtraceroute", "xrouter show routes")'));
      return { findings, figures };
    }
    return { findings: [...findings, ...figureFindings(figures)], figures };
  } finally {
    await Promise.all([source?.close(), destination?.close()]);
  }
}

async function measure(source: XiaNode, destination: XiaNode, options: PathOptions): Promise<PathFigures | undefined> {
  const { signal } = options;
  const clocks = Promise.all([beaconClockAheadMs(source), beaconClockAheadMs(destination)]);
  const echoes = await probeEchoes(source, destination.dag(), signal);
  const [here, there] = await clocks;
  if (echoes === undefined) return undefined;
  return {
    roundTripMs: echoes.roundTripMs,
    packetBytes: echoes.packetBytes,
    clockDifferenceMs: here === undefined || there === undefined ? undefined : Math.round(there - here),
    bytesPerSecond: options.measureBandwidth ? await probeBandwidth(source, destination, signal) : undefined,
  };
}

/** Bytes per second at which chunks come from one node to the other, several at a time. */
async function probeBandwidth(from: XiaNode, to: XiaNode, signal?: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  let bytes = 0;
  const fetchOn = async () => {
    while (performance.now() - startedMs < PROBE_MS) {
      const { cid, dag } = from.publish(randomBytes(PROBE_CHUNK_BYTES));
      try {
        const chunk = await to.fetch(dag, { length: PROBE_CHUNK_BYTES, ...(signal === undefined ? {} : { signal }) });
        bytes += chunk.length;
      } finally {
        from.unpublish(cid);
      }
    }
  };
  await Promise.all(Array.from({ length: PROBE_FETCHES }, fetchOn));
  return Math.round((bytes * 1000) / (performance.now() - startedMs));
}

/** What is unusual about a way, in words. */
export function figureFindings({ clockDifferenceMs, bytesPerSecond }: PathFigures): Finding[] {
  const found: Finding[] = [];
  if (clockDifferenceMs !== undefined && Math.abs(clockDifferenceMs) > MOST_CLOCK_DIFFERENCE_MS) {
    const what = `the clocks of the two sides are ${(Math.abs(clockDifferenceMs) / 1000).toFixed(1)} s apart`;
    found.push(warning('path', what, 'set them by NTP: what is said on one side may be refused on the other as too old'));
  }
  if (bytesPerSecond !== undefined && bytesPerSecond < LOW_BANDWIDTH_BYTES_PER_SECOND) {
    const what = `the way carries ${(bytesPerSecond / 1e6).toFixed(1)} MB/s only`;
    found.push(warning('path', what, 'a busy guest may have to be slowed down, or stand still for longer (--max-downtime)'));
  }
  return found;
}
