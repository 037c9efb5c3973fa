import { copyBytes } from '../bytes/index.js';
import { Errno } from './errno.js';
import { MOST_PARTS, type UnixCalls, type UnixWatch } from './unix-calls.js';

/**
 * A message is the size of its packets (32 bits, little-endian) and one packet or several behind each other, of that size; the last one
 * may be shorter.
 */
export const MESSAGE_HEADER_BYTES = 4;
/**
 * The largest message. The kernel takes up to 68 KiB of one in pages, and the rest in one piece: 256 KiB with what the kernel keeps of it,
 * which it can nearly always find. An answer of 256 KiB fits.
 */
export const MAX_MESSAGE_BYTES = 320 * 1024;
/** Bytes that wait for the kernel beyond which packets are dropped. */
export const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
const SEND_BUFFER_BYTES = 4 * 1024 * 1024;
/** A lent packet of more bytes is sent at once: to copy it so that others can go with it would cost as much as the call saves. */
const WORTH_COPYING_BYTES = 8192;

interface Message {
  readonly segmentBytes: number;
  /** The header is first. Then head and body of the packets alternate, or all of them lie in one part. */
  readonly parts: readonly (Uint8Array | undefined)[];
  readonly bytes: number;
}

/**
 * What is sent on one connection. Packets of one size that are sent within a turn of the event loop leave as one message; what the kernel does
 * not take waits, in order.
 */
export class UnixLink {
  readonly fd: number;
  readonly #calls: UnixCalls;
  readonly #header = new Uint8Array(MESSAGE_HEADER_BYTES);
  readonly #headerWord = new DataView(this.#header.buffer);
  #watch: UnixWatch | undefined;
  /** What is gathered: the header, then head and body in turn. What is beyond `count` is left over, and undefined. */
  readonly #parts: (Uint8Array | undefined)[] = [this.#header];
  #count = 1;
  #gatheredBytes = 0;
  #segmentBytes = 0;
  /** The last packet was shorter: nothing can follow it. */
  #ended = false;
  #isScheduled = false;
  #waiting: Message[] = [];
  #waitingBytes = 0;
  mostUnsentBytes = 0;

  constructor(calls: UnixCalls, fd: number, onReady: () => void) {
    this.#calls = calls;
    this.fd = fd;
    calls.setSendBuffer(fd, SEND_BUFFER_BYTES);
    this.#watch = calls.watch(fd, onReady);
  }

  get isOpen(): boolean {
    return this.#watch !== undefined;
  }

  get unsentBytes(): number {
    return this.#gatheredBytes + this.#waitingBytes;
  }

  /** Takes a packet as `Face.send` does. False: too much waits already. */
  send(packet: Uint8Array, body: Uint8Array | undefined, lent: boolean): boolean {
    const bytes = packet.length + (body?.length ?? 0);
    if (!this.isOpen || this.unsentBytes + bytes > MAX_UNSENT_BYTES) return false;
    if (lent && packet.length > WORTH_COPYING_BYTES) {
      this.flush();
      return this.#post(bytes, [this.#header, packet, body], 3, bytes, true);
    }
    const fits = !this.#ended && bytes <= this.#segmentBytes && this.#gatheredBytes + bytes + MESSAGE_HEADER_BYTES <= MAX_MESSAGE_BYTES;
    if (this.#gatheredBytes > 0 && !fits) this.flush();
    if (this.#gatheredBytes === 0) this.#segmentBytes = bytes;
    this.#parts[this.#count] = lent ? copyBytes(packet) : packet;
    this.#parts[this.#count + 1] = body;
    this.#count += 2;
    this.#gatheredBytes += bytes;
    this.#ended = bytes < this.#segmentBytes;
    if (this.#count + 2 > MOST_PARTS) this.flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      process.nextTick(this.#endTurn);
    }
    return true;
  }

  /** Takes packets that lie one after the other; they fit a message. False: too much waits already. */
  sendRun(run: Uint8Array, segmentBytes: number, lent: boolean): boolean {
    if (!this.isOpen || this.unsentBytes + run.length > MAX_UNSENT_BYTES) return false;
    this.flush();
    return this.#post(segmentBytes, [this.#header, run], 2, run.length, lent);
  }

  /** Sends what is gathered. */
  flush(): void {
    const count = this.#count;
    if (count === 1) return;
    const bytes = this.#gatheredBytes;
    this.#count = 1;
    this.#gatheredBytes = 0;
    this.#ended = false;
    this.#post(this.#segmentBytes, this.#parts, count, bytes, false);
    for (let at = 1; at < count; at++) this.#parts[at] = undefined;
  }

  /** The kernel may take more now. */
  resume(): void {
    if (this.#waiting.length === 0) return;
    let sent = 0;
    while (sent < this.#waiting.length) {
      const message = this.#waiting[sent]!;
      const errno = this.#trySend(message.segmentBytes, message.parts, message.parts.length);
      if (errno === Errno.AGAIN) break;
      if (errno === Errno.NO_BUFFERS && message.bytes > message.segmentBytes) {
        this.#waiting.splice(sent, 1, ...packetsOf(message, this.#header));
        continue;
      }
      // Sent, or a single packet that the kernel has no memory for: lost, as on any link.
      this.#waitingBytes -= message.bytes;
      sent++;
    }
    this.#waiting.splice(0, sent);
    if (this.#waiting.length === 0) this.#watch?.wantsToSend(false);
  }

  close(): void {
    if (this.#watch === undefined) return;
    this.#watch.stop();
    this.#watch = undefined;
    this.#calls.close(this.fd);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#parts.length = 1;
    this.#count = 1;
    this.#gatheredBytes = 0;
  }

  readonly #endTurn = (): void => {
    this.#isScheduled = false;
    this.flush();
  };

  /** Sends a message, or keeps it until the kernel takes it. */
  #post(segmentBytes: number, parts: readonly (Uint8Array | undefined)[], count: number, bytes: number, lent: boolean): boolean {
    if (this.#waiting.length === 0 && this.#trySend(segmentBytes, parts, count) === Errno.NONE) return true;
    if (!this.isOpen) return false;
    if (this.#waiting.length === 0) this.#watch?.wantsToSend(true);
    const kept = parts.slice(0, count).map((part) => (lent && part !== undefined && part !== this.#header ? copyBytes(part) : part));
    this.#waiting.push({ segmentBytes, parts: kept, bytes });
    this.#waitingBytes += bytes;
    if (this.unsentBytes > this.mostUnsentBytes) this.mostUnsentBytes = this.unsentBytes;
    return true;
  }

  /** `NONE`: it is sent, or never will be; `AGAIN`: later; `NO_BUFFERS`: the kernel has no memory for one that is so large. */
  #trySend(segmentBytes: number, parts: readonly (Uint8Array | undefined)[], count: number): number {
    this.#headerWord.setUint32(0, segmentBytes, true);
    const errno = this.#calls.send(this.fd, parts, count);
    if (errno === Errno.INTERRUPTED) return Errno.AGAIN;
    // A system may let this user's sockets have less than a message.
    if (errno === Errno.TOO_LARGE) return Errno.NO_BUFFERS;
    // Whatever else is wrong is the neighbour's affair; that it is gone is told by what is read.
    return errno === Errno.AGAIN || errno === Errno.NO_BUFFERS ? errno : Errno.NONE;
  }
}

/** The packets of a message, each as a message of its own. */
function packetsOf({ segmentBytes, parts, bytes }: Message, header: Uint8Array): Message[] {
  const packets: Message[] = [];
  if (parts.length === 2) {
    for (let at = 0; at < bytes; at += segmentBytes) packets.push(alone(header, parts[1]!.subarray(at, at + segmentBytes)));
    return packets;
  }
  for (let at = 1; at < parts.length; at += 2) packets.push(alone(header, parts[at]!, parts[at + 1]));
  return packets;
}

function alone(header: Uint8Array, head: Uint8Array, body?: Uint8Array): Message {
  const bytes = head.length + (body?.length ?? 0);
  return { segmentBytes: bytes, parts: [header, head, body], bytes };
}
