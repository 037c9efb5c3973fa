import type { DeliveryRate, DeliveryStamp } from '../congestion/delivery-rate.js';

/** A packet keeps this many numbers, in one array: what is looked at together lies together. */
const FIELDS = 8;
const INITIAL_CAPACITY = 4;
const SENT_MS = 0;
/** Size of the packet; 0 when it is not (or no longer) in flight, -1 when it has arrived. */
const BYTES = 1;
const CONTROL = 2;
const DATA_OFFSET = 3;
const DATA_LENGTH = 4;
const DELIVERED_MS = 5;
/** Delivered bytes; where the application was the limit, their complement: `-1 - n`. */
const DELIVERED_BYTES = 6;
const FIRST_SENT_MS = 7;

/**
 * The packets that are in flight, in a ring by packet number. {@link select} chooses one, and the getters then tell of it.
 * The size of the ring is bounded by what the congestion window lets out.
 */
export class SentPackets implements DeliveryStamp {
  #fields = new Float64Array(INITIAL_CAPACITY * FIELDS);
  #mask = INITIAL_CAPACITY - 1;
  #base = 0;
  #next = 0;
  #at = 0;

  /** All packets below are settled. */
  get base(): number {
    return this.#base;
  }

  /** Number of the next packet. */
  get next(): number {
    return this.#next;
  }

  get sentMs(): number {
    return this.#fields[this.#at + SENT_MS]!;
  }

  get bytes(): number {
    return this.#fields[this.#at + BYTES]!;
  }

  get control(): number {
    return this.#fields[this.#at + CONTROL]!;
  }

  get dataOffset(): number {
    return this.#fields[this.#at + DATA_OFFSET]!;
  }

  get dataLength(): number {
    return this.#fields[this.#at + DATA_LENGTH]!;
  }

  get deliveredMs(): number {
    return this.#fields[this.#at + DELIVERED_MS]!;
  }

  get deliveredBytes(): number {
    const bytes = this.#fields[this.#at + DELIVERED_BYTES]!;
    return bytes < 0 ? -1 - bytes : bytes;
  }

  get appLimited(): boolean {
    return this.#fields[this.#at + DELIVERED_BYTES]! < 0;
  }

  get firstSentMs(): number {
    return this.#fields[this.#at + FIRST_SENT_MS]!;
  }

  /** Makes the getters tell of a packet from {@link base} up to {@link next}. */
  select(number: number): this {
    this.#at = (number & this.#mask) * FIELDS;
    return this;
  }

  /** Notes the next packet; 0 bytes for one that nobody will acknowledge. */
  add(now: number, bytes: number, control: number, dataOffset: number, dataLength: number, rate: DeliveryRate): void {
    if (this.#next - this.#base > this.#mask) this.#grow();
    this.select(this.#next++);
    const fields = this.#fields;
    const at = this.#at;
    fields[at + SENT_MS] = now;
    fields[at + BYTES] = bytes;
    fields[at + CONTROL] = control;
    fields[at + DATA_OFFSET] = dataOffset;
    fields[at + DATA_LENGTH] = dataLength;
    fields[at + DELIVERED_MS] = rate.deliveredMs;
    fields[at + DELIVERED_BYTES] = rate.appLimited ? -1 - rate.deliveredBytes : rate.deliveredBytes;
    fields[at + FIRST_SENT_MS] = rate.firstSentMs;
  }

  /** Takes a number for a packet that nobody will acknowledge, while nothing is in flight. */
  skip(): void {
    this.#next++;
    this.#base = this.#next;
  }

  /** The selected packet is not in flight any more: it has arrived, or it is lost. */
  settle(acked: boolean): void {
    this.#fields[this.#at + BYTES] = acked ? -1 : 0;
  }

  /** Moves {@link base} over what is settled. */
  trim(): void {
    while (this.#base < this.#next && this.#fields[(this.#base & this.#mask) * FIELDS + BYTES]! <= 0) this.#base++;
  }

  /** Gives the memory of a busy time back; nothing may be in flight. */
  clear(): void {
    this.#fields = new Float64Array(INITIAL_CAPACITY * FIELDS);
    this.#mask = INITIAL_CAPACITY - 1;
    this.#base = this.#next;
  }

  #grow(): void {
    const old = this.#fields;
    const oldMask = this.#mask;
    this.#fields = new Float64Array(2 * old.length);
    this.#mask = 2 * oldMask + 1;
    for (let number = this.#base; number < this.#next; number++) {
      const from = (number & oldMask) * FIELDS;
      this.#fields.set(old.subarray(from, from + FIELDS), (number & this.#mask) * FIELDS);
    }
  }
}
