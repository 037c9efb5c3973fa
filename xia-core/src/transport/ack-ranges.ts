import { MAX_ACK_RANGES } from '../wire/stream.js';

/** A packet number further ahead than this is nobody's: a sender never has so many packets outstanding. */
const MAX_JUMP = 1 << 20;

/**
 * So many are known, although an ACK lists fewer: where packets are lost and reordered, one that comes late may belong before
 * more gaps than that.
 */
export const KEPT_ACK_RANGES = 4 * MAX_ACK_RANGES;
const INITIAL_CAPACITY = 4;

/** What to do with a packet that has arrived. */
export const PacketNovelty = { NEW: 0, SEEN: 1, ABSURD: 2 } as const;
export type PacketNovelty = (typeof PacketNovelty)[keyof typeof PacketNovelty];

/**
 * The packet numbers that arrived, as a bounded number of ranges from the newest down: the first of them are what an ACK
 * says, and all of them tell a duplicate. What falls off the end counts as seen, so that a sender has to send it anew.
 */
export class AckRanges {
  #firsts = new Float64Array(INITIAL_CAPACITY);
  #lasts = new Float64Array(INITIAL_CAPACITY);
  #count = 0;
  /** Everything below is taken as seen. */
  #floor = 0;

  get count(): number {
    return this.#count;
  }

  /** Largest packet number that arrived, -1 before the first. */
  get largest(): number {
    return this.#count === 0 ? this.#floor - 1 : this.#lasts[0]!;
  }

  /** First and last packet number of range `index`; 0 is the newest. */
  first(index: number): number {
    return this.#firsts[index]!;
  }

  last(index: number): number {
    return this.#lasts[index]!;
  }

  /** Whether this packet is new, before anything in it is looked at. */
  novelty(packetNumber: number): PacketNovelty {
    if (packetNumber > this.largest + MAX_JUMP) return PacketNovelty.ABSURD;
    if (packetNumber < this.#floor) return PacketNovelty.SEEN;
    for (let i = 0; i < this.#count; i++) {
      if (packetNumber > this.#lasts[i]!) return PacketNovelty.NEW;
      if (packetNumber >= this.#firsts[i]!) return PacketNovelty.SEEN;
    }
    return PacketNovelty.NEW;
  }

  /** Notes a new packet number. Returns true when it is the successor of the largest: nothing is missing before it. */
  add(packetNumber: number): boolean {
    if (this.#count > 0 && packetNumber === this.#lasts[0]! + 1) {
      this.#lasts[0] = packetNumber;
      return true;
    }
    let at = 0;
    while (at < this.#count && packetNumber < this.#firsts[at]!) at++;
    // It belongs before range `at` (newer than all of it) and after range `at - 1`.
    const joinsNewer = at > 0 && this.#firsts[at - 1] === packetNumber + 1;
    const joinsOlder = at < this.#count && this.#lasts[at] === packetNumber - 1;
    if (joinsNewer && joinsOlder) {
      this.#firsts[at - 1] = this.#firsts[at]!;
      this.#erase(at);
    } else if (joinsNewer) {
      this.#firsts[at - 1] = packetNumber;
    } else if (joinsOlder) {
      this.#lasts[at] = packetNumber;
    } else {
      this.#insert(at, packetNumber);
    }
    return at === 0 && packetNumber === this.#floor && this.#count === 1;
  }

  #insert(at: number, packetNumber: number): void {
    if (this.#count === this.#firsts.length) this.#grow();
    this.#firsts.copyWithin(at + 1, at, this.#count);
    this.#lasts.copyWithin(at + 1, at, this.#count);
    this.#firsts[at] = packetNumber;
    this.#lasts[at] = packetNumber;
    this.#count++;
    if (this.#count <= KEPT_ACK_RANGES) return;
    this.#count--;
    this.#floor = this.#lasts[this.#count]! + 1;
  }

  /** Most connections have one range nearly always, so that the arrays begin small. */
  #grow(): void {
    const capacity = Math.min(2 * this.#firsts.length, KEPT_ACK_RANGES + 1);
    const [firsts, lasts] = [this.#firsts, this.#lasts];
    this.#firsts = new Float64Array(capacity);
    this.#lasts = new Float64Array(capacity);
    this.#firsts.set(firsts);
    this.#lasts.set(lasts);
  }

  #erase(at: number): void {
    this.#firsts.copyWithin(at, at + 1, this.#count);
    this.#lasts.copyWithin(at, at + 1, this.#count);
    this.#count--;
  }
}
