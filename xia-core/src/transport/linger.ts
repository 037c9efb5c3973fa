import { TimerQueue, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { StreamFrame, type StreamPacketView } from '../wire/stream.js';
import type { StreamPacketWriter } from '../wire/stream-writer.js';
import { connectionKey, type ConnectionIds } from './connection-ids.js';
import type { OutgoingPacket } from './stream-options.js';

const RESET_REPEATS = 8;
const FIRST_REPEAT_MS = 50;
const LAST_REPEAT_MS = 1000;
/** Packets of a peer that does not know yet are not all answered. */
const MIN_ANSWER_GAP_MS = 10;

/** What remains of a connection after it ended. */
export interface Remains {
  readonly ids: ConnectionIds;
  readonly peerDag: Dag;
  readonly localDag: Dag;
  /** Packet numbers go on from here. */
  nextPacketNumber: number;
  /** Reason to tell by RESET; undefined when both directions ended in order, or the peer gave up: then CLOSE is said. */
  readonly resetCode: number | undefined;
  /** Under which a repeated OPEN of the peer is recognised. */
  readonly openingKey: string | undefined;
}

interface Tombstone extends Remains {
  expiresMs: number;
  repeatsLeft: number;
  repeatMs: number;
  lastAnswerMs: number;
}

/**
 * Answers for connections that have ended, so that a peer whose last packets were lost learns how it ended: CLOSE says
 * "complete, I have everything", RESET is repeated until something shows that it was understood. Bounded: the oldest go first.
 */
export class LingerTable {
  readonly #maxCount: number;
  readonly #lingerMs: number;
  readonly #writer: StreamPacketWriter;
  readonly #output: (packet: OutgoingPacket) => void;
  readonly #onForget: (remains: Remains) => void;
  readonly #tombstones = new Map<number, Tombstone>();
  readonly #repeats = new TimerQueue<Tombstone>();
  #highWater = 0;
  #evicted = 0;

  constructor(
    maxCount: number,
    lingerMs: number,
    writer: StreamPacketWriter,
    output: (packet: OutgoingPacket) => void,
    onForget: (remains: Remains) => void,
  ) {
    this.#maxCount = maxCount;
    this.#lingerMs = lingerMs;
    this.#writer = writer;
    this.#output = output;
    this.#onForget = onForget;
  }

  get size(): number {
    return this.#tombstones.size;
  }

  has(key: number): boolean {
    return this.#tombstones.has(key);
  }

  /** Takes over an ended connection and says so to the peer. */
  add(remains: Remains, now: number): void {
    const tombstone: Tombstone = {
      ...remains,
      expiresMs: now + this.#lingerMs,
      repeatsLeft: remains.resetCode === undefined ? 0 : RESET_REPEATS,
      repeatMs: FIRST_REPEAT_MS,
      lastAnswerMs: now,
    };
    this.#tombstones.set(connectionKey(remains.ids.localLow), tombstone);
    if (this.#tombstones.size > this.#maxCount) {
      this.#evicted++;
      for (const oldest of this.#tombstones.values()) {
        this.#forget(oldest);
        break;
      }
    }
    this.#highWater = Math.max(this.#highWater, this.#tombstones.size);
    if (tombstone.repeatsLeft > 0) this.#repeats.set(tombstone, now + tombstone.repeatMs);
    this.#say(tombstone);
  }

  /** A packet for an ended connection. False when nothing is known of it. */
  handlePacket(view: StreamPacketView, now: number): boolean {
    const tombstone = this.#tombstones.get(connectionKey(view.destinationIdLow));
    if (tombstone === undefined) return false;
    const { ids } = tombstone;
    if (ids.localLow !== view.destinationIdLow || ids.localHigh !== view.destinationIdHigh) return false;
    let closed = false;
    let wasReset = false;
    while (view.nextFrame()) {
      if (view.frame === StreamFrame.CLOSE) closed = true;
      if (view.frame === StreamFrame.RESET) wasReset = true;
    }
    if (closed) {
      this.#forget(tombstone);
    } else if (wasReset) {
      // Both gave up at the same time, or our CLOSE was lost.
      this.#repeats.cancel(tombstone);
      tombstone.repeatsLeft = 0;
      this.#say(tombstone, true);
    } else if (now - tombstone.lastAnswerMs >= MIN_ANSWER_GAP_MS) {
      tombstone.lastAnswerMs = now;
      this.#say(tombstone);
    }
    return true;
  }

  nextTimeout(): number {
    for (const oldest of this.#tombstones.values()) return Math.min(this.#repeats.next(), oldest.expiresMs);
    return Infinity;
  }

  handleTimeout(now: number): void {
    for (const tombstone of this.#tombstones.values()) {
      if (tombstone.expiresMs > now) break;
      this.#forget(tombstone);
    }
    for (let due = this.#repeats.popDue(now); due !== undefined; due = this.#repeats.popDue(now)) {
      due.repeatsLeft--;
      due.repeatMs = Math.min(LAST_REPEAT_MS, due.repeatMs * 2);
      if (due.repeatsLeft > 0) this.#repeats.set(due, now + due.repeatMs);
      this.#say(due);
    }
  }

  gauge(): Gauge {
    const used = this.#tombstones.size;
    return { name: 'ended streams', unit: 'entries', used, highWater: this.#highWater, bound: this.#maxCount, refused: this.#evicted };
  }

  #forget(tombstone: Tombstone): void {
    this.#tombstones.delete(connectionKey(tombstone.ids.localLow));
    this.#repeats.cancel(tombstone);
    this.#onForget(tombstone);
  }

  #say(tombstone: Tombstone, closeAnyway = false): void {
    const writer = this.#writer;
    writer.beginData(tombstone.ids.peerHigh, tombstone.ids.peerLow, tombstone.nextPacketNumber++);
    if (tombstone.resetCode === undefined || closeAnyway) writer.close();
    else writer.reset(tombstone.resetCode);
    this.#output({ destination: tombstone.peerDag, source: tombstone.localDag, payload: [writer.finish()] });
  }
}
