import { equalBytes, TimerQueue, type Gauge } from '../bytes/index.js';
import type { Xid } from '../xid/index.js';

/** An answer is used for this long, unless it is confirmed. */
export const XARP_LIFETIME_MS = 300_000;
/** From this age on, use of an answer makes us ask its owner again. */
export const XARP_POLL_MS = 60_000;
/** No more than ten questions a second about one XID. */
export const XARP_QUERY_INTERVAL_MS = 100;
/** Questions without an answer after which nobody is there. */
export const XARP_TRIES = 10;
/** How long nobody is there: packets are dropped and nothing is asked. */
export const XARP_HOLD_MS = 1000;
/** An answer counts for this long after the question. */
const ANSWER_WINDOW_MS = 1000;
const POLL_INTERVAL_MS = 1000;
const MAX_WAITING_PACKETS = 2048;
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export interface XarpTableOptions {
  /** Ask who has this XID: everybody, or the MAC address that had it. */
  readonly ask: (xid: Xid, mac: Uint8Array | undefined) => void;
  /** The address of a neighbour is known, or another one than before; told before its packets are released. */
  readonly resolved: (neighbour: number, mac: Uint8Array) => void;
  /** Send a packet that waited. */
  readonly release: (neighbour: number, packet: Uint8Array, body: Uint8Array | undefined) => void;
}

interface Entry {
  readonly neighbour: number;
  readonly xid: Xid;
  mac: Uint8Array | undefined;
  confirmedMs: number;
  /** When the question was asked that is still open. */
  askedMs: number;
  /** When it was last asked, answered or not. */
  lastQueryMs: number;
  tries: number;
  /** Nothing is asked before. */
  heldUntilMs: number;
}

interface Waiting {
  readonly entry: Entry;
  readonly packet: Uint8Array;
  readonly body: Uint8Array | undefined;
  readonly bytes: number;
}

/**
 * Which MAC address has a next hop's XID, asked with XARP; and the packets that wait for the answer.
 *
 * Only an answer to an open question is learned, once. A question that its owner asks confirms what is known; one from
 * another address is a reason to ask again, not to believe it. Inputs take `now` in monotonic ms; after any of them
 * `nextTimeout` says when `handleTimeout` is due.
 */
export class XarpTable {
  readonly #options: XarpTableOptions;
  readonly #byNeighbour = new Map<number, Entry>();
  readonly #byXid = new Map<string, Entry>();
  /** The entries that wait for an answer, by when to ask again. */
  readonly #asking = new TimerQueue<Entry>();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #mostWaiting = 0;
  #mostWaitingBytes = 0;
  readonly counters = {
    asked: 0,
    learned: 0,
    refreshed: 0,
    /** Answers to questions that were not open; they changed nothing. */
    unasked: 0,
    /** Times that nobody answered. */
    unanswered: 0,
    /** Packets dropped since newer ones needed their place. */
    droppedOldest: 0,
    /** Packets dropped since nobody answered. */
    droppedUnanswered: 0,
  };

  constructor(options: XarpTableOptions) {
    this.#options = options;
  }

  /** Adds a neighbour to be resolved. */
  add(neighbour: number, xid: Xid): void {
    const entry: Entry = {
      neighbour,
      xid,
      mac: undefined,
      confirmedMs: -Infinity,
      askedMs: -Infinity,
      lastQueryMs: -Infinity,
      tries: 0,
      heldUntilMs: -Infinity,
    };
    this.#byNeighbour.set(neighbour, entry);
    this.#byXid.set(xid.key, entry);
  }

  has(neighbour: number): boolean {
    return this.#byNeighbour.has(neighbour);
  }

  /** The address of a neighbour, undefined while it is not known; an old one is asked about while it is used. */
  macOf(neighbour: number, now: number): Uint8Array | undefined {
    const entry = this.#byNeighbour.get(neighbour);
    if (entry?.mac === undefined) return undefined;
    const ageMs = now - entry.confirmedMs;
    if (ageMs >= XARP_LIFETIME_MS) {
      entry.mac = undefined;
      return undefined;
    }
    if (ageMs >= XARP_POLL_MS && now - entry.lastQueryMs >= POLL_INTERVAL_MS) this.#ask(entry, entry.mac, now);
    return entry.mac;
  }

  /** Keeps a packet until the neighbour's address is known. False: dropped, since nobody answered a moment ago. */
  wait(neighbour: number, packet: Uint8Array, body: Uint8Array | undefined, now: number): boolean {
    const entry = this.#byNeighbour.get(neighbour);
    if (entry === undefined || now < entry.heldUntilMs) {
      this.counters.droppedUnanswered++;
      return false;
    }
    this.#keep({ entry, packet, body, bytes: packet.length + (body?.length ?? 0) });
    if (entry.tries === 0) this.#askAll(entry, now);
    return true;
  }

  /** Somebody says that it has `xid`. */
  handleReply(xid: Xid, mac: Uint8Array, now: number): void {
    const entry = this.#byXid.get(xid.key);
    if (entry === undefined || now - entry.askedMs > ANSWER_WINDOW_MS) {
      this.counters.unasked++;
      return;
    }
    this.counters.learned++;
    this.#asking.cancel(entry);
    entry.mac = Uint8Array.from(mac);
    entry.confirmedMs = now;
    entry.askedMs = -Infinity;
    entry.tries = 0;
    this.#options.resolved(entry.neighbour, entry.mac);
    for (const { packet, body } of this.#take(entry)) this.#options.release(entry.neighbour, packet, body);
  }

  /** Somebody who says that it is `xid` asked something. */
  handleRequestFrom(xid: Xid, mac: Uint8Array, now: number): void {
    const entry = this.#byXid.get(xid.key);
    if (entry?.mac === undefined || now - entry.confirmedMs >= XARP_LIFETIME_MS) return;
    if (equalBytes(entry.mac, mac)) {
      this.counters.refreshed++;
      entry.confirmedMs = now;
    } else if (now - entry.lastQueryMs >= POLL_INTERVAL_MS) {
      this.#ask(entry, undefined, now);
    }
  }

  /** When `handleTimeout` is due; `Infinity` while no question is open. */
  nextTimeout(): number {
    return this.#asking.next();
  }

  handleTimeout(now: number): void {
    for (let entry = this.#asking.popDue(now); entry !== undefined; entry = this.#asking.popDue(now)) {
      if (entry.tries < XARP_TRIES) this.#askAll(entry, now);
      else this.#giveUp(entry, now);
    }
  }

  gauges(): Gauge[] {
    const refused = this.counters.droppedOldest;
    return [
      {
        name: 'xarp waiting packets',
        unit: 'packets',
        used: this.#waiting.length,
        highWater: this.#mostWaiting,
        bound: MAX_WAITING_PACKETS,
        refused,
      },
      {
        name: 'xarp waiting bytes',
        unit: 'bytes',
        used: this.#waitingBytes,
        highWater: this.#mostWaitingBytes,
        bound: MAX_WAITING_BYTES,
        refused,
      },
    ];
  }

  /** Asks everybody, and again until `XARP_TRIES` are used up. */
  #askAll(entry: Entry, now: number): void {
    const mayAskMs = entry.lastQueryMs + XARP_QUERY_INTERVAL_MS;
    if (now < mayAskMs) {
      entry.tries = Math.max(entry.tries, 1);
      this.#asking.set(entry, mayAskMs);
      return;
    }
    entry.tries++;
    this.#ask(entry, undefined, now);
    this.#asking.set(entry, now + XARP_QUERY_INTERVAL_MS);
  }

  #ask(entry: Entry, mac: Uint8Array | undefined, now: number): void {
    this.counters.asked++;
    entry.askedMs = now;
    entry.lastQueryMs = now;
    this.#options.ask(entry.xid, mac);
  }

  #giveUp(entry: Entry, now: number): void {
    this.counters.unanswered++;
    entry.tries = 0;
    entry.askedMs = -Infinity;
    entry.heldUntilMs = now + XARP_HOLD_MS;
    this.counters.droppedUnanswered += this.#take(entry).length;
  }

  #keep(item: Waiting): void {
    this.#waiting.push(item);
    this.#waitingBytes += item.bytes;
    while (this.#waiting.length > MAX_WAITING_PACKETS || this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#waitingBytes -= this.#waiting.shift()!.bytes;
      this.counters.droppedOldest++;
    }
    this.#mostWaiting = Math.max(this.#mostWaiting, this.#waiting.length);
    this.#mostWaitingBytes = Math.max(this.#mostWaitingBytes, this.#waitingBytes);
  }

  /** Removes the packets that wait for one neighbour, oldest first. */
  #take(entry: Entry): Waiting[] {
    const taken = this.#waiting.filter((item) => item.entry === entry);
    this.#waiting = this.#waiting.filter((item) => item.entry !== entry);
    for (const { bytes } of taken) this.#waitingBytes -= bytes;
    return taken;
  }
}
