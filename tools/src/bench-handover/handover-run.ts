import { setTimeout as delay } from 'node:timers/promises';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from 'xia-core';
import { Client, pingResult, type JsonLine } from '../lab/index.js';
import { gapMs, longestGap } from './echo-gap.js';
import { PacketWatch } from './packet-watch.js';
import type { MoveKind, Passage, Shuttle } from './shuttle.js';
import { Sightings, type SightingName } from './sightings.js';

export const OBSERVER = 'HOST_C';
const START_TIMEOUT_MS = 60_000;
const SETTLE_TIMEOUT_MS = 10_000;
/** Answers this fast, so many in a row: the guest is warm. */
const SETTLED = { answers: 200, rttMs: 50 } as const;
/** Around the pause: an unrelated hiccup long before or after is not the move's. */
const BEFORE_MS = 200;
const AFTER_MS = 1500;
/** For the last answers to come in. */
const TAIL_MS = 300;
/** A guest that was behind with its answers when it stopped goes on with those. */
const ANSWERED_TIMEOUT_MS = 20_000;
const POLL_MS = 200;

/** What one handover was like. Times of the host and of the client count from the guest's first instruction at the destination, in ms. */
export interface HandoverRun extends Passage {
  readonly announcedMs: number | undefined;
  readonly seenMs: Readonly<Partial<Record<SightingName, number>>>;
  /** The first answer to an echo at the client that was not sent by the source. */
  readonly firstReplyMs: number | undefined;
  /** The longest time around the pause in which the client heard nothing, less the interval of its echoes. */
  readonly gapMs: number | undefined;
  readonly echoesLost: number;
}

export interface HandoverOptions {
  readonly shuttle: Shuttle;
  /** Between two echoes of the client. */
  readonly echoIntervalMs: number;
  readonly signal: AbortSignal;
}

/** Moves the machine once, watched by an xping and by a capture at the host that it comes to. */
export async function runHandover(
  { shuttle, echoIntervalMs, signal }: HandoverOptions,
  kind: MoveKind,
  label: string,
): Promise<HandoverRun> {
  const { lab } = shuttle;
  const host = await shuttle.prepare();
  const name = `handover-${label}`;
  await using ping = await Client.start(lab.testbed, OBSERVER, name, 'xping', ['--interval-ms', String(echoIntervalMs), shuttle.address]);
  await ping.waitFor('reply', { timeoutMs: START_TIMEOUT_MS, signal });
  await ping.waitUntilFast({ ...SETTLED, timeoutMs: SETTLE_TIMEOUT_MS, signal });
  const { control, vms } = lab.testbed.node(host);
  const sightings = new Sightings(toHex(lab.vmHid.id), { machine: Object.keys(vms)[0] ?? '', uplink: 'up' });
  const onPacket = (...packet: Parameters<Sightings['see']>) => {
    sightings.see(...packet);
    return sightings.isComplete;
  };
  // Not what carries the machine's memory: STREAM and chunks.
  await using _watch = await PacketWatch.begin(control, { filter: 'dgram xcmp', onPacket });
  const passage = await shuttle.move(kind);
  await untilAnswered(ping, passage.resumedAtMs, sightings, signal);
  const lines = await ping.stop();
  await rm(join(lab.testbed.runDir, 'clients', `${name}.jsonl`), { force: true });
  const { resumedAtMs, announcedAtMs } = passage;
  const since = (atMs: number | undefined) => (atMs === undefined ? undefined : atMs - resumedAtMs);
  return {
    ...passage,
    announcedMs: since(announcedAtMs),
    seenMs: Object.fromEntries([...sightings.firstMs].map(([what, atMs]) => [what, atMs - resumedAtMs])),
    ...echoesOf(lines, passage, echoIntervalMs),
  };
}

/** Until the client has heard the machine from its new place and everything was seen there, and some time more. */
async function untilAnswered(ping: Client, resumedAtMs: number, sightings: Sightings, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + ANSWERED_TIMEOUT_MS;
  const isAnswered = async () => (await ping.lines()).some((line) => line.type === 'reply' && Number(line['wallMs']) >= resumedAtMs);
  await delay(AFTER_MS, undefined, { signal });
  while (performance.now() < deadline && !(sightings.isComplete && (await isAnswered()))) await delay(POLL_MS, undefined, { signal });
  await delay(TAIL_MS, undefined, { signal });
}

function echoesOf(
  lines: readonly JsonLine[],
  { stoppedAtMs, resumedAtMs }: Passage,
  intervalMs: number,
): Pick<HandoverRun, 'firstReplyMs' | 'gapMs' | 'echoesLost'> {
  const arrivals = lines.flatMap((line) => (line.type === 'reply' ? [Number(line['wallMs'])] : []));
  const gap = longestGap(arrivals, stoppedAtMs - BEFORE_MS, resumedAtMs + AFTER_MS);
  const first = arrivals.find((atMs) => atMs >= resumedAtMs);
  return {
    firstReplyMs: first === undefined ? undefined : first - resumedAtMs,
    gapMs: gap === undefined ? undefined : gapMs(gap, intervalMs),
    echoesLost: pingResult(lines).lost,
  };
}
