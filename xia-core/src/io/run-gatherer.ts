import type { Gauge } from '../bytes/index.js';
import { MAX_RUN_BYTES, MAX_RUN_SEGMENTS } from '../wire/index.js';

/** Where gathered packets go. */
export interface RunOutput {
  /** Sends packets that lie one after the other as one; false when it could not, and nothing was sent. */
  run(neighbour: number, bytes: Uint8Array, segmentBytes: number): boolean;
  single(neighbour: number, packet: Uint8Array, body: Uint8Array | undefined): void;
}

/** The packets of one turn to one neighbour, as they wait. */
interface Waiting {
  readonly neighbour: number;
  /** Packet and body alternate; what is beyond twice `count` is left over, and undefined. */
  readonly parts: (Uint8Array | undefined)[];
  count: number;
  bytes: number;
  segmentBytes: number;
  /** The last packet was shorter, so nothing can follow it in this run. */
  ended: boolean;
  listed: boolean;
}

/** Bytes of all neighbours that wait until they are sent at once: about what one turn of the event loop brings in. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * Gathers the packets that are sent within a turn of the event loop into runs: per neighbour, packets of one size, the last one
 * shorter. A run leaves when it is full, when a packet does not fit behind it, and at the end of the turn. The packets to one
 * neighbour keep their order.
 *
 * Packets are copied when they leave, to one place for all: a copy is a fraction of what a send costs.
 */
export class RunGatherer {
  readonly #output: RunOutput;
  readonly #byNeighbour: (Waiting | undefined)[] = [];
  /** Those that got something in this turn. */
  readonly #listed: Waiting[] = [];
  readonly #run = new Uint8Array(MAX_RUN_BYTES);
  #immediate: NodeJS.Immediate | undefined;
  /** Bytes that wait. */
  bytes = 0;
  #mostBytes = 0;
  #forced = 0;

  constructor(output: RunOutput) {
    this.#output = output;
  }

  /** Whether a packet of so many bytes can go with no other one. */
  static isAlone(bytes: number): boolean {
    return bytes === 0 || 2 * bytes > MAX_RUN_BYTES;
  }

  /** Takes a packet; what is too large to go with another one is sent at once, after what waits. */
  add(neighbour: number, packet: Uint8Array, body: Uint8Array | undefined): void {
    const bytes = packet.length + (body?.length ?? 0);
    if (RunGatherer.isAlone(bytes)) {
      this.flushNeighbour(neighbour);
      this.#output.single(neighbour, packet, body);
      return;
    }
    const waiting = (this.#byNeighbour[neighbour] ??= emptyWaiting(neighbour));
    if (waiting.count > 0 && (waiting.ended || bytes > waiting.segmentBytes)) this.#flush(waiting);
    this.#append(waiting, packet, body, bytes);
    if (waiting.count === MAX_RUN_SEGMENTS || waiting.bytes + waiting.segmentBytes > MAX_RUN_BYTES) this.#flush(waiting);
    else if (this.bytes > MAX_WAITING_BYTES) {
      this.#forced++;
      this.flush();
    }
  }

  gauge(): Gauge {
    return {
      name: 'gathered',
      unit: 'bytes',
      used: this.bytes,
      highWater: this.#mostBytes,
      bound: MAX_WAITING_BYTES,
      refused: this.#forced,
    };
  }

  /** Sends all that waits. */
  readonly flush = (): void => {
    this.#mostBytes = Math.max(this.#mostBytes, Math.min(this.bytes, MAX_WAITING_BYTES));
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    for (const waiting of this.#listed) {
      waiting.listed = false;
      this.#flush(waiting);
    }
    this.#listed.length = 0;
  };

  /** Sends what waits for one neighbour. */
  flushNeighbour(neighbour: number): void {
    const waiting = this.#byNeighbour[neighbour];
    if (waiting !== undefined) this.#flush(waiting);
  }

  #append(waiting: Waiting, packet: Uint8Array, body: Uint8Array | undefined, bytes: number): void {
    if (waiting.count === 0) {
      waiting.segmentBytes = bytes;
      this.#list(waiting);
    }
    waiting.parts[2 * waiting.count] = packet;
    waiting.parts[2 * waiting.count + 1] = body;
    waiting.count++;
    waiting.bytes += bytes;
    waiting.ended = bytes < waiting.segmentBytes;
    this.bytes += bytes;
  }

  #list(waiting: Waiting): void {
    if (waiting.listed) return;
    waiting.listed = true;
    this.#listed.push(waiting);
    // Node hands up a batch of datagrams in one phase of the event loop; this is the phase after it.
    this.#immediate ??= setImmediate(this.flush);
  }

  #flush(waiting: Waiting): void {
    const { neighbour, parts, count, bytes, segmentBytes } = waiting;
    if (count === 0) return;
    waiting.count = 0;
    waiting.bytes = 0;
    waiting.ended = false;
    this.bytes -= bytes;
    if (count === 1 || !this.#output.run(neighbour, this.#joined(parts, count, bytes), segmentBytes)) {
      for (let at = 0; at < 2 * count; at += 2) this.#output.single(neighbour, parts[at]!, parts[at + 1]);
    }
    for (let at = 0; at < 2 * count; at++) parts[at] = undefined;
  }

  #joined(parts: readonly (Uint8Array | undefined)[], count: number, bytes: number): Uint8Array {
    let at = 0;
    for (let index = 0; index < 2 * count; index++) {
      const part = parts[index];
      if (part === undefined) continue;
      this.#run.set(part, at);
      at += part.length;
    }
    return this.#run.subarray(0, bytes);
  }
}

function emptyWaiting(neighbour: number): Waiting {
  return { neighbour, parts: [], count: 0, bytes: 0, segmentBytes: 0, ended: false, listed: false };
}
