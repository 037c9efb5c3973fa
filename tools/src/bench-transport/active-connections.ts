import { performance } from 'node:perf_hooks';
import type { XiaStream } from 'xia-core';
import { openStreams, streamWorld, usedBytes } from './idle-connections.js';

/** The moment that it was sent, and as much again that means nothing. */
const MESSAGE_BYTES = 64;
const STEP_MS = 1;

/** What a node costs with many connections of which some are busy with small messages. One process has both ends. */
export interface ActiveConnectionCost {
  readonly connections: number;
  readonly active: number;
  readonly messages: number;
  /** Of each end: heap and buffers, and what the process grew by. */
  readonly bytes: number;
  readonly residentBytes: number;
  /** Of one core, while the messages were sent. */
  readonly cpuShare: number;
  /** Rounds of the event loop. */
  readonly wakeUpsPerSecond: number;
  /** From writing to reading, ms. */
  readonly latencyMs: { readonly half: number; readonly most99: number; readonly worst: number };
}

export interface ActiveOptions {
  readonly idle: number;
  readonly active: number;
  /** How often each active one sends. */
  readonly everyMs: number;
  readonly forMs: number;
}

/** Rounds that the event loop of this process has made. Node 20.18 and later tell it. */
function loopRounds(): number {
  const timing = performance.nodeTiming as { readonly uvMetricsInfo?: { readonly loopCount: number } };
  return timing.uvMetricsInfo?.loopCount ?? Number.NaN;
}

/** Calls `onDelay` for each message that has come whole. */
function listen(stream: XiaStream, onDelay: (ms: number) => void): void {
  let rest = Buffer.alloc(0);
  stream.on('data', (bytes: Uint8Array) => {
    rest = Buffer.concat([rest, bytes]);
    const now = performance.now();
    for (; rest.length >= MESSAGE_BYTES; rest = rest.subarray(MESSAGE_BYTES)) onDelay(now - rest.readDoubleBE(0));
  });
}

/** Sends from every stream each `everyMs`, their moments spread evenly, until the time is over. Returns how many messages were sent. */
async function talk(streams: readonly XiaStream[], { everyMs, forMs }: ActiveOptions): Promise<number> {
  const startMs = performance.now();
  let sent = 0;
  while (performance.now() - startMs < forMs) {
    const due = Math.floor(((performance.now() - startMs) * streams.length) / everyMs);
    for (; sent < due; sent++) {
      const message = Buffer.alloc(MESSAGE_BYTES);
      message.writeDoubleBE(performance.now(), 0);
      streams[sent % streams.length]!.write(message);
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  return sent;
}

/** Opens idle and active streams of two nodes in this process, lets the active ones talk, and measures. */
export async function measureActiveStreams(options: ActiveOptions): Promise<ActiveConnectionCost> {
  const { idle, active, forMs, everyMs } = options;
  const connections = idle + active;
  await using world = await streamWorld(connections, false);
  const before = usedBytes();
  const pairs = await openStreams(world, connections);
  const after = usedBytes();
  const talking = pairs.slice(0, active);
  const delays: number[] = [];
  // The idle ones as well: of streams opened together it is open whose end is whose.
  for (const { theirs } of pairs) listen(theirs, (ms) => delays.push(ms));
  const [cpu, rounds, startMs] = [process.cpuUsage(), loopRounds(), performance.now()];
  const messages = await talk(
    talking.map(({ ours }) => ours),
    options,
  );
  const tookMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  const wakeUps = loopRounds() - rounds;
  while (delays.length < messages && performance.now() - startMs < 2 * forMs + everyMs)
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  if (delays.length !== messages) throw new Error(`${delays.length} of ${messages} messages arrived`);
  const sorted = delays.toSorted((a, b) => a - b);
  const part = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  const perEnd = (bytes: number): number => Math.round(bytes / (2 * connections));
  return {
    connections,
    active,
    messages,
    bytes: perEnd(after.bytes - before.bytes),
    residentBytes: perEnd(after.residentBytes - before.residentBytes),
    cpuShare: (user + system) / 1000 / tookMs,
    wakeUpsPerSecond: wakeUps / (tookMs / 1000),
    latencyMs: { half: part(0.5), most99: part(0.99), worst: part(1) },
  };
}
