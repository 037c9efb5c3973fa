import { readU32BE } from '../bytes/index.js';
import { XID_ID_BYTES } from './xid.js';

const WORDS = XID_ID_BYTES / 4;
const EMPTY = -1;
const MINIMUM_BUCKETS = 8;

/** The smallest power of two that keeps `count` entries under a load of one half. */
function bucketsFor(count: number): number {
  let buckets = MINIMUM_BUCKETS;
  while (buckets < 2 * count) buckets *= 2;
  return buckets;
}

/**
 * Gives every 20-byte identifier in it a small number, its slot, which stays the same until the identifier is removed.
 *
 * Open addressing with linear probing over typed arrays: looking up reads the identifier where it lies (in a packet, say)
 * and allocates nothing. Values live in arrays beside it, by slot.
 */
export class IdIndex {
  readonly #salt: number;
  /** Slot by bucket. */
  #buckets: Int32Array;
  #mask: number;
  /** Identifiers by slot, as words. */
  #keys: Uint32Array;
  /** Hash by slot; so that growing and removing need not hash again. */
  #hashes: Uint32Array;
  #live: Uint8Array;
  readonly #free: number[] = [];
  #next = 0;
  #size = 0;

  /**
   * @param capacityHint how many entries to make room for at first; it grows by itself
   * @param salt any 32-bit number: unpredictable where strangers choose identifiers, so that they cannot choose ones that collide
   */
  constructor(capacityHint = 8, salt = 0) {
    const slots = Math.max(4, capacityHint);
    this.#salt = salt >>> 0;
    this.#buckets = new Int32Array(bucketsFor(slots)).fill(EMPTY);
    this.#mask = this.#buckets.length - 1;
    this.#keys = new Uint32Array(slots * WORDS);
    this.#hashes = new Uint32Array(slots);
    this.#live = new Uint8Array(slots);
  }

  /** How many identifiers are in it. */
  get size(): number {
    return this.#size;
  }

  /** One more than the largest slot ever given out: how long an array of values by slot must be. */
  get slots(): number {
    return this.#next;
  }

  /** The slot of the identifier at `offset`, or -1. The caller makes sure that 20 bytes are there. */
  find(bytes: Uint8Array, offset = 0): number {
    const a = readU32BE(bytes, offset);
    const b = readU32BE(bytes, offset + 4);
    const c = readU32BE(bytes, offset + 8);
    const d = readU32BE(bytes, offset + 12);
    const e = readU32BE(bytes, offset + 16);
    const buckets = this.#buckets;
    const keys = this.#keys;
    let bucket = this.#hash(a, b, c, d, e) & this.#mask;
    for (;;) {
      const slot = buckets[bucket]!;
      if (slot === EMPTY) return -1;
      const at = slot * WORDS;
      if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d && keys[at + 4] === e) return slot;
      bucket = (bucket + 1) & this.#mask;
    }
  }

  /** The slot of the identifier at `offset`, given to it now if it had none. */
  add(bytes: Uint8Array, offset = 0): number {
    const found = this.find(bytes, offset);
    if (found >= 0) return found;
    if (2 * (this.#size + 1) > this.#buckets.length) this.#rehash(2 * this.#buckets.length);
    const slot = this.#free.pop() ?? this.#newSlot();
    const at = slot * WORDS;
    for (let word = 0; word < WORDS; word++) this.#keys[at + word] = readU32BE(bytes, offset + 4 * word);
    const keys = this.#keys;
    const hash = this.#hash(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!, keys[at + 4]!);
    this.#hashes[slot] = hash;
    this.#live[slot] = 1;
    this.#place(slot, hash);
    this.#size++;
    return slot;
  }

  /** Removes the identifier of a slot; the slot may be given to another one. False when the slot is not in use. */
  remove(slot: number): boolean {
    if (!this.has(slot)) return false;
    const buckets = this.#buckets;
    const mask = this.#mask;
    let hole = this.#hashes[slot]! & mask;
    while (buckets[hole] !== slot) hole = (hole + 1) & mask;
    // Whatever was pushed past the hole moves back into it, so that no tombstones pile up.
    for (let bucket = (hole + 1) & mask; buckets[bucket] !== EMPTY; bucket = (bucket + 1) & mask) {
      const home = this.#hashes[buckets[bucket]!]! & mask;
      if (((bucket - home) & mask) < ((bucket - hole) & mask)) continue;
      buckets[hole] = buckets[bucket]!;
      hole = bucket;
    }
    buckets[hole] = EMPTY;
    this.#live[slot] = 0;
    this.#free.push(slot);
    this.#size--;
    return true;
  }

  /** Whether a slot is in use. */
  has(slot: number): boolean {
    return this.#live[slot] === 1;
  }

  /** A copy of a slot's identifier. */
  idOf(slot: number): Uint8Array {
    const id = new Uint8Array(XID_ID_BYTES);
    for (let i = 0; i < XID_ID_BYTES; i++) id[i] = this.#keys[slot * WORDS + (i >> 2)]! >>> (24 - 8 * (i & 3));
    return id;
  }

  /** The slots in use, ascending. */
  *live(): Iterable<number> {
    for (let slot = 0; slot < this.#next; slot++) if (this.#live[slot] === 1) yield slot;
  }

  #newSlot(): number {
    if (this.#next === this.#live.length) {
      const slots = 2 * this.#live.length;
      const keys = new Uint32Array(slots * WORDS);
      keys.set(this.#keys);
      this.#keys = keys;
      const hashes = new Uint32Array(slots);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
      const live = new Uint8Array(slots);
      live.set(this.#live);
      this.#live = live;
    }
    return this.#next++;
  }

  #place(slot: number, hash: number): void {
    let bucket = hash & this.#mask;
    while (this.#buckets[bucket] !== EMPTY) bucket = (bucket + 1) & this.#mask;
    this.#buckets[bucket] = slot;
  }

  #rehash(length: number): void {
    this.#buckets = new Int32Array(length).fill(EMPTY);
    this.#mask = length - 1;
    for (const slot of this.live()) this.#place(slot, this.#hashes[slot]!);
  }

  /** All five words count: identifiers given out by hand differ in a few digits only. Finalised as MurmurHash3 does. */
  #hash(a: number, b: number, c: number, d: number, e: number): number {
    let hash = Math.imul(this.#salt ^ a, 0x9e3779b1);
    hash = Math.imul((hash ^ (hash >>> 15)) + b, 0x85ebca77);
    hash = Math.imul((hash ^ (hash >>> 13)) + c, 0xc2b2ae3d);
    hash = Math.imul((hash ^ (hash >>> 16)) + d, 0x27d4eb2f);
    hash = Math.imul((hash ^ (hash >>> 15)) + e, 0x165667b1);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) >>> 0;
  }
}
