import { TimerQueue, type Gauge } from '../bytes/index.js';
import type { Hop } from '../mobility/index.js';

/** How long packets of a machine that stands still may wait, and how many of one machine. */
export interface HoldLimits {
  readonly ageMs: number;
  readonly bytes: number;
}

export const DEFAULT_HOLD_LIMITS: HoldLimits = { ageMs: 2000, bytes: 1024 * 1024 };
/** Of all machines together. */
const TOTAL_BYTES = 16 * 1024 * 1024;

/** A packet that waits, and where it came from. */
export interface HeldPacket {
  readonly bytes: Uint8Array;
  readonly face: number;
  readonly neighbour: number;
  readonly at: number;
}

export type HoldDrop = 'hold-expired' | 'hold-full';

interface Held {
  from: Hop | undefined;
  towards: Hop | undefined;
  /** What came back from where the machine stood: it was on its way there before the others came. */
  readonly returned: HeldPacket[];
  readonly fresh: HeldPacket[];
  bytes: number;
}

/**
 * Packets of machines that stand still, by the key of the HID. Bounded in age, in bytes for each and for all: the oldest of
 * the same HID goes first. Where all others have taken the room, a packet of one that has none waiting is not taken.
 */
export class HoldBuffer {
  limits: HoldLimits = DEFAULT_HOLD_LIMITS;
  readonly #held = new Map<string, Held>();
  readonly #deadlines = new TimerQueue<string>();
  #bytes = 0;
  #packets = 0;
  #highWater = 0;
  #refused = 0;
  readonly #onDrop: (reason: HoldDrop) => void;

  /** @param onDrop told of each packet that has waited too long, or had to make room */
  constructor(onDrop: (reason: HoldDrop) => void) {
    this.#onDrop = onDrop;
  }

  /** How many packets wait. */
  get packets(): number {
    return this.#packets;
  }

  /**
   * Packets of a HID are held from now on.
   * @param from where it stood: what comes from there goes before the others
   * @param towards who holds them in our place
   */
  open(key: string, from: Hop | undefined, towards: Hop | undefined): void {
    const held = this.#held.get(key);
    if (held === undefined) this.#held.set(key, { from, towards, returned: [], fresh: [], bytes: 0 });
    else Object.assign(held, { from: from ?? held.from, towards });
  }

  /** Who holds the packets of a HID in our place; undefined when they wait here. */
  towards(key: string): Hop | undefined {
    return this.#held.get(key)?.towards;
  }

  /** Takes a packet in; its bytes must be its own. False when it could not be taken. */
  push(key: string, packet: HeldPacket): boolean {
    const held = this.#held.get(key);
    const size = packet.bytes.length;
    if (held === undefined || size > this.limits.bytes) return this.#refuse();
    while (held.bytes + size > this.limits.bytes || this.#bytes + size > TOTAL_BYTES) {
      if (!this.#dropOldest(held, 'hold-full')) return this.#refuse();
    }
    const { from } = held;
    const isReturned = from !== undefined && from.face === packet.face && from.neighbour === packet.neighbour;
    (isReturned ? held.returned : held.fresh).push(packet);
    this.#count(held, size, 1);
    this.#highWater = Math.max(this.#highWater, this.#bytes);
    this.#schedule(key, held);
    return true;
  }

  /** Everything that waits for a HID, in the order in which it is to go on. What comes from now on still waits. */
  drain(key: string): HeldPacket[] {
    const held = this.#held.get(key);
    if (held === undefined) return [];
    const packets = [...held.returned.splice(0), ...held.fresh.splice(0)];
    this.#count(held, -held.bytes, -packets.length);
    this.#deadlines.cancel(key);
    return packets;
  }

  /** Nothing of a HID is held any more. What waited is for the caller to send. */
  close(key: string): HeldPacket[] {
    if (this.#held.size === 0) return [];
    const packets = this.drain(key);
    this.#held.delete(key);
    return packets;
  }

  nextTimeout(): number {
    return this.#deadlines.next();
  }

  handleTimeout(now: number): void {
    for (let key = this.#deadlines.popDue(now); key !== undefined; key = this.#deadlines.popDue(now)) {
      const held = this.#held.get(key);
      if (held === undefined) continue;
      while (oldestAt(held) + this.limits.ageMs <= now) this.#dropOldest(held, 'hold-expired');
      this.#schedule(key, held);
    }
  }

  gauges(): Gauge[] {
    const [highWater, refused] = [this.#highWater, this.#refused];
    return [{ name: 'held packets', unit: 'bytes', used: this.#bytes, highWater, bound: TOTAL_BYTES, refused }];
  }

  #schedule(key: string, held: Held): void {
    const oldest = oldestAt(held);
    if (oldest === Infinity) this.#deadlines.cancel(key);
    else this.#deadlines.set(key, oldest + this.limits.ageMs);
  }

  #dropOldest(held: Held, reason: HoldDrop): boolean {
    const queue = (held.returned[0]?.at ?? Infinity) <= (held.fresh[0]?.at ?? Infinity) ? held.returned : held.fresh;
    const packet = queue.shift();
    if (packet === undefined) return false;
    this.#count(held, -packet.bytes.length, -1);
    this.#refused++;
    this.#onDrop(reason);
    return true;
  }

  #refuse(): false {
    this.#refused++;
    return false;
  }

  #count(held: Held, bytes: number, packets: number): void {
    held.bytes += bytes;
    this.#bytes += bytes;
    this.#packets += packets;
  }
}

function oldestAt({ returned, fresh }: Held): number {
  return Math.min(returned[0]?.at ?? Infinity, fresh[0]?.at ?? Infinity);
}
