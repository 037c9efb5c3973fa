import type { Socket } from 'node:net';
import { FrameSplitter } from './frame-splitter.js';
import { NetdevLink } from './netdev-link.js';
import type { UnreadBytes } from './unread-bytes.js';

/** A QEMU that does not read its frames (it is stopped, or loads a migration) must not make them pile up here. */
export const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
/** Handed to the socket at a time; the rest can still be taken back. */
const BATCH_BYTES = 65_536;
/** Remembered of what was handed to the socket: as much as the kernel may keep until it is read. */
const REMEMBERED_BYTES = 262_144;
/** QEMU itself keeps the first frame that comes for a machine that has stopped, and loses it: one that was written this recently. */
const TAKEN_IN_VAIN_MS = 50;

interface Frame {
  readonly bytes: Uint8Array;
  /** Where the packet begins in it; its length when it carries none. */
  readonly packetAt: number;
  readonly at: number;
}

/**
 * The connection of one QEMU. What its machine has not read can be taken back, to be sent to where the machine goes on: a machine that is
 * busy leaves much in its socket, all of which would be lost with the QEMU that it has left.
 */
export class NetdevConnection {
  readonly link = new NetdevLink();
  /** When the machine first announced itself, ms since 1970. */
  announcedMs: number | undefined;
  readonly splitter: FrameSplitter;
  readonly #socket: Socket;
  readonly #most: { unsentBytes: number };
  readonly #unread: UnreadBytes;
  #waiting: Frame[] = [];
  /** The latest last. */
  #handed: Frame[] = [];
  #handedBytes = 0;
  /** Of what is handed to the socket, and not to the kernel. */
  #batchBytes = 0;
  #unsentBytes = 0;
  #isScheduled = false;

  /** @param most raised to the most bytes that ever waited */
  constructor(
    socket: Socket,
    most: { unsentBytes: number },
    unread: UnreadBytes,
    maxFrameBytes: number,
    onFrame: (frame: Uint8Array) => void,
  ) {
    this.#socket = socket;
    this.#most = most;
    this.#unread = unread;
    this.splitter = new FrameSplitter(maxFrameBytes, onFrame);
  }

  /**
   * Queues a frame; those of one turn of the event loop go out in one system call. False: too much waits already.
   * @param packetAt where the packet begins that it carries, if it carries any
   */
  write(bytes: Uint8Array, packetAt = bytes.length): boolean {
    const unsentBytes = this.#unsentBytes + bytes.length;
    if (this.#socket.destroyed || unsentBytes > MAX_UNSENT_BYTES) return false;
    this.#unsentBytes = unsentBytes;
    if (unsentBytes > this.#most.unsentBytes) this.#most.unsentBytes = unsentBytes;
    this.#waiting.push({ bytes, packetAt, at: performance.now() });
    if (this.#isScheduled || this.#batchBytes > 0) return true;
    this.#isScheduled = true;
    process.nextTick(this.#handOver);
    return true;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** The packets that the machine may not have read, in order. They are not sent again by this connection, unless they are on their way. */
  takeBack(): Uint8Array[] {
    const handle = (this.#socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle;
    const inKernel = typeof handle?.fd === 'number' && handle.fd >= 0 ? (this.#unread(handle.fd) ?? 0) : 0;
    let unread = this.#batchBytes + inKernel;
    let first = this.#handed.length;
    while (first > 0 && unread > 0) unread -= this.#handed[--first]!.bytes.length;
    if (first > 0 && performance.now() - this.#handed[first - 1]!.at < TAKEN_IN_VAIN_MS) first--;
    const frames = [...this.#handed.slice(first), ...this.#waiting];
    for (const { bytes } of this.#waiting) this.#unsentBytes -= bytes.length;
    this.#waiting = [];
    this.#handed = [];
    this.#handedBytes = 0;
    return frames.filter(({ bytes, packetAt }) => packetAt < bytes.length).map(({ bytes, packetAt }) => bytes.subarray(packetAt));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #handOver = (): void => {
    this.#isScheduled = false;
    if (this.#batchBytes > 0 || this.#waiting.length === 0) return;
    let count = 0;
    while (count < this.#waiting.length && this.#batchBytes < BATCH_BYTES) this.#batchBytes += this.#waiting[count++]!.bytes.length;
    const batch = this.#waiting.splice(0, count);
    this.#remember(batch);
    this.#socket.cork();
    for (const { bytes } of batch.slice(0, -1)) this.#socket.write(bytes);
    this.#socket.write(batch.at(-1)!.bytes, this.#taken);
    this.#socket.uncork();
  };

  /** The kernel has the batch, or the socket is gone. */
  readonly #taken = (): void => {
    this.#unsentBytes -= this.#batchBytes;
    this.#batchBytes = 0;
    this.#handOver();
  };

  #remember(batch: readonly Frame[]): void {
    for (const frame of batch) {
      this.#handed.push(frame);
      this.#handedBytes += frame.bytes.length;
    }
    let old = 0;
    while (this.#handedBytes - this.#handed[old]!.bytes.length >= REMEMBERED_BYTES) this.#handedBytes -= this.#handed[old++]!.bytes.length;
    if (old > 0) this.#handed.splice(0, old);
  }
}
