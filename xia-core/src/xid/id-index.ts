import { XID_ID_BYTES } from './xid.js';

const KEY_WORDS = XID_ID_BYTES / 4;
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
 * and allocates nothing. A large table is bound by memory, so it is laid out by what a lookup touches: a small bucket, whose
 * bits of the hash tell nearly every other identifier apart, and one record of the identifier and the values that belong to it.
 */
export class IdIndex {
  readonly #salt: number;
  readonly #stride: number;
  /** By bucket: the slot, and above the bits of `#mask` those of the identifier's hash. A slot is always less than the mask. */
  #buckets: Int32Array;
  /** One less than the number of buckets: what a hash has in these bits is where it belongs. */
  #mask: number;
  /** By slot: the identifier as words, then the values. */
  #records: Int32Array;
  #live: Uint8Array;
  readonly #free: number[] = [];
  #next = 0;
  #size = 0;

  /**
   * @param capacityHint how many entries to make room for at first; it grows by itself
   * @param salt any 32-bit number: unpredictable where strangers choose identifiers, so that they cannot choose ones that collide
   * @param valueWords how many 32-bit values each identifier has beside it; see {@link value}
   */
  constructor(capacityHint = 8, salt = 0, valueWords = 0) {
    const slots = Math.max(4, capacityHint);
    this.#salt = salt | 0;
    this.#stride = KEY_WORDS + valueWords;
    const buckets = bucketsFor(slots);
    this.#buckets = new Int32Array(buckets).fill(EMPTY);
    this.#mask = buckets - 1;
    this.#records = new Int32Array(slots * this.#stride);
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
    const a = word(bytes, offset);
    const b = word(bytes, offset + 4);
    const c = word(bytes, offset + 8);
    const d = word(bytes, offset + 12);
    const e = word(bytes, offset + 16);
    return this.#find(this.#hash(a, b, c, d, e), a, b, c, d, e);
  }

  /** The slot of the identifier at `offset`, given to it now if it had none; the values of a new one are 0. */
  add(bytes: Uint8Array, offset = 0): number {
    const a = word(bytes, offset);
    const b = word(bytes, offset + 4);
    const c = word(bytes, offset + 8);
    const d = word(bytes, offset + 12);
    const e = word(bytes, offset + 16);
    const hash = this.#hash(a, b, c, d, e);
    const found = this.#find(hash, a, b, c, d, e);
    if (found >= 0) return found;
    if (2 * (this.#size + 1) > this.#mask + 1) this.#rehash(2 * (this.#mask + 1));
    const slot = this.#free.pop() ?? this.#newSlot();
    const records = this.#records;
    const at = slot * this.#stride;
    records[at] = a;
    records[at + 1] = b;
    records[at + 2] = c;
    records[at + 3] = d;
    records[at + 4] = e;
    for (let value = at + KEY_WORDS; value < at + this.#stride; value++) records[value] = 0;
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
    let hole = this.#hashOf(slot) & mask;
    while ((buckets[hole]! & mask) !== slot) hole = (hole + 1) & mask;
    // Whatever was pushed past the hole moves back into it, so that no tombstones pile up.
    for (let bucket = (hole + 1) & mask; buckets[bucket] !== EMPTY; bucket = (bucket + 1) & mask) {
      const home = this.#hashOf(buckets[bucket]! & mask) & mask;
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

  /** Value number `index` of a slot, a signed 32-bit integer. */
  value(slot: number, index: number): number {
    return this.#records[slot * this.#stride + KEY_WORDS + index]!;
  }

  setValue(slot: number, index: number, value: number): void {
    this.#records[slot * this.#stride + KEY_WORDS + index] = value;
  }

  /** A copy of a slot's identifier. */
  idOf(slot: number): Uint8Array {
    const id = new Uint8Array(XID_ID_BYTES);
    const at = slot * this.#stride;
    for (let i = 0; i < XID_ID_BYTES; i++) id[i] = this.#records[at + (i >> 2)]! >>> (24 - 8 * (i & 3));
    return id;
  }

  /** The slots in use, ascending. */
  *live(): Iterable<number> {
    for (let slot = 0; slot < this.#next; slot++) if (this.#live[slot] === 1) yield slot;
  }

  #find(hash: number, a: number, b: number, c: number, d: number, e: number): number {
    const buckets = this.#buckets;
    const records = this.#records;
    const mask = this.#mask;
    for (let bucket = hash & mask; ; bucket = (bucket + 1) & mask) {
      const entry = buckets[bucket]!;
      if (entry === EMPTY) return EMPTY;
      if (((entry ^ hash) & ~mask) !== 0) continue;
      const slot = entry & mask;
      const at = slot * this.#stride;
      const isSame = records[at] === a && records[at + 1] === b && records[at + 2] === c && records[at + 3] === d && records[at + 4] === e;
      if (isSame) return slot;
    }
  }

  #newSlot(): number {
    if (this.#next === this.#live.length) {
      const slots = 2 * this.#live.length;
      const records = new Int32Array(slots * this.#stride);
      records.set(this.#records);
      this.#records = records;
      const live = new Uint8Array(slots);
      live.set(this.#live);
      this.#live = live;
    }
    return this.#next++;
  }

  #place(slot: number, hash: number): void {
    const buckets = this.#buckets;
    const mask = this.#mask;
    let bucket = hash & mask;
    while (buckets[bucket] !== EMPTY) bucket = (bucket + 1) & mask;
    buckets[bucket] = (hash & ~mask) | slot;
  }

  #rehash(count: number): void {
    this.#buckets = new Int32Array(count).fill(EMPTY);
    this.#mask = count - 1;
    for (let slot = 0; slot < this.#next; slot++) if (this.#live[slot] === 1) this.#place(slot, this.#hashOf(slot));
  }

  #hashOf(slot: number): number {
    const records = this.#records;
    const at = slot * this.#stride;
    return this.#hash(records[at]!, records[at + 1]!, records[at + 2]!, records[at + 3]!, records[at + 4]!);
  }

  /** All five words count: identifiers given out by hand differ in a few digits only. Finalised as MurmurHash3 does. */
  #hash(a: number, b: number, c: number, d: number, e: number): number {
    let hash = Math.imul(this.#salt ^ a, 0x9e3779b1);
    hash = Math.imul((hash ^ (hash >>> 15)) + b, 0x85ebca77);
    hash = Math.imul((hash ^ (hash >>> 13)) + c, 0xc2b2ae3d);
    hash = Math.imul((hash ^ (hash >>> 16)) + d, 0x27d4eb2f);
    hash = Math.imul((hash ^ (hash >>> 15)) + e, 0x165667b1);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return hash ^ (hash >>> 13);
  }
}

/** Four bytes as a signed integer, which the engine keeps in a register; `readU32BE` would need a floating-point one at times. */
function word(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}
