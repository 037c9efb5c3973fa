import { StreamCode, type StreamPacketView } from '../wire/stream.js';
import type { BufferBudget } from './buffer-budget.js';
import type { BufferMarks } from './connection-owner.js';
import { ReceiveCredit } from './flow-control.js';
import { InsertResult, ReceiveBuffer } from './receive-buffer.js';
import type { StreamLimits } from './stream-options.js';

const LEAST_PIECES = 4096;
const SMALL_PACKET_BYTES = 512;

/** Taken; or to be dropped unacknowledged; or the code of what the peer did wrong. */
export type ReceiveOutcome = 'taken' | 'crowded' | typeof StreamCode.FLOW_CONTROL | typeof StreamCode.PROTOCOL;

/** The receiving direction of a connection: bytes in order, within the credit that was given. */
export class Receiver {
  readonly #buffer: ReceiveBuffer;
  readonly #credit: ReceiveCredit;
  readonly #marks: BufferMarks;
  #arrivedBytes = 0;

  /** @param marks raised to the most that was ever unread */
  constructor({ startBufferBytes, receiveWindowBytes }: StreamLimits, budget: BufferBudget, marks: BufferMarks) {
    // A full window in small packets, of which every other one is missing, must find room.
    this.#buffer = new ReceiveBuffer(Math.max(LEAST_PIECES, Math.ceil(receiveWindowBytes / SMALL_PACKET_BYTES)));
    this.#marks = marks;
    this.#credit = new ReceiveCredit(startBufferBytes, receiveWindowBytes, budget);
  }

  /** The window that OPEN or ACCEPT announces. */
  get startWindowBytes(): number {
    return this.#credit.limit;
  }

  /** Bytes that can be read. */
  get readable(): number {
    return this.#buffer.readable;
  }

  /** All of the peer's bytes and its end have arrived. */
  get complete(): boolean {
    return this.#buffer.complete;
  }

  /** And all of them were read. */
  get drained(): boolean {
    return this.#buffer.drained;
  }

  /** Bytes that became readable by the last {@link take}. */
  get arrivedBytes(): number {
    return this.#arrivedBytes;
  }

  /** The peer should hear that it may send more. */
  get owesCredit(): boolean {
    return !this.#buffer.complete && this.#credit.shouldAnnounce(this.#buffer.readOffset);
  }

  /** Takes the DATA frame that `view` stands at. */
  take(view: StreamPacketView): ReceiveOutcome {
    if (view.dataOffset + view.dataLength > this.#credit.limit) return StreamCode.FLOW_CONTROL;
    const before = this.#buffer.nextOffset;
    const bytes = view.bytes.subarray(view.dataStart, view.dataStart + view.dataLength);
    const result = this.#buffer.insert(view.dataOffset, bytes, view.fin);
    this.#arrivedBytes = this.#buffer.nextOffset - before;
    if (result === InsertResult.BAD_END) return StreamCode.PROTOCOL;
    return result === InsertResult.CROWDED ? 'crowded' : 'taken';
  }

  read(maxBytes: number, rttMs: number, now: number): Uint8Array | undefined {
    this.#noteUnread();
    const bytes = this.#buffer.read(maxBytes);
    this.#credit.tune(this.#buffer.readOffset, rttMs, now);
    return bytes;
  }

  /** Raises the peer's limit to what can be kept, and returns it. */
  announceCredit(): number {
    return this.#credit.announce(this.#buffer.readOffset);
  }

  /** No more comes: what may be read is all there is. */
  finish(): void {
    this.#credit.release();
  }

  /** Drops what was not read. */
  clear(): void {
    this.#noteUnread();
    this.#buffer.clear();
    this.#credit.release();
  }

  /** What is unread is at its most just before somebody reads it, or drops it. */
  #noteUnread(): void {
    if (this.readable > this.#marks.receiveBytes) this.#marks.receiveBytes = this.readable;
  }
}
