import { Errno } from './errno.js';
import type { ForeignCalls } from './foreign-calls.js';

/** System calls for single datagrams. None throws or waits; an errno is 0 when it went well. */
export interface DatagramCalls {
  /**
   * Takes the next datagram.
   * @param from becomes the `sockaddr` of its sender, 28 bytes
   * @returns its bytes, or an errno, negative
   */
  readonly receive: (fd: number, into: Uint8Array, from: Uint8Array) => number;
  /**
   * Sends one datagram.
   * @param to a `sockaddr` as `encodeSockaddr` makes it
   * @param body the rest of it, where it lies elsewhere
   * @returns an errno
   */
  readonly send: (fd: number, to: Uint8Array, packet: Uint8Array, body: Uint8Array | undefined) => number;
  /**
   * Calls back from the event loop as long as there is something to receive.
   * @param onReadable must not throw; with false, nothing more is told
   * @returns what ends it
   */
  readonly watch: (fd: number, onReadable: (isReadable: boolean) => void) => () => void;
}

const MSG_DONTWAIT = 0x40;
export const SOCKADDR_BYTES = 28;
// Where the parts of a message lie in one piece of memory: msghdr, two iovecs, sockaddr.
const IOVEC_AT = 64;
const ADDRESS_AT = 96;
const MESSAGE_BYTES = 128;

/** Undefined when the module cannot watch a descriptor. */
export function datagramCalls({ koffi, libc, locate }: ForeignCalls): DatagramCalls | undefined {
  const { poll } = koffi.node;
  if (poll === undefined) return undefined;
  type Receive = (fd: number, into: Uint8Array, bytes: number, flags: number, from: Uint8Array, fromBytes: Uint8Array) => number;
  type Send = (fd: number, bytes: Uint8Array, length: number, flags: number, to: Uint8Array, toBytes: number) => number;
  const recvfrom = libc.func('int64 recvfrom(int, void *, size_t, int, void *, void *)') as Receive;
  const sendto = libc.func('int64 sendto(int, void *, size_t, int, void *, uint32)') as Send;
  const sendmsg = libc.func('int64 sendmsg(int, void *, int)') as (fd: number, message: Uint8Array, flags: number) => number;
  const dup = libc.func('int dup(int)') as (fd: number) => number;
  const close = libc.func('int close(int)') as (fd: number) => number;
  const message = new TwoPartMessage(locate);
  const fromBytes = Int32Array.of(0);
  const fromBytesMemory = new Uint8Array(fromBytes.buffer);
  return {
    receive(fd, into, from) {
      fromBytes[0] = SOCKADDR_BYTES;
      const bytes = recvfrom(fd, into, into.length, MSG_DONTWAIT, from, fromBytesMemory);
      return bytes >= 0 ? bytes : -koffi.errno();
    },
    send(fd, to, packet, body) {
      const sent =
        body === undefined
          ? sendto(fd, packet, packet.length, MSG_DONTWAIT, to, to.length)
          : sendmsg(fd, message.fill(to, packet, body), MSG_DONTWAIT);
      return sent >= 0 ? Errno.NONE : koffi.errno();
    },
    watch(fd, onReadable) {
      // Node watches the descriptor itself, for sending; the event loop takes each one once.
      const own = dup(fd);
      const handle = poll(own, { readable: true }, (status) => onReadable(status === 0));
      return () => {
        handle.close();
        close(own);
      };
    },
  };
}

/** The one message that all datagrams in two parts are sent with: memory that does not move. */
class TwoPartMessage {
  readonly #bytes = new Uint8Array(MESSAGE_BYTES);
  readonly #fields = new DataView(this.#bytes.buffer);
  readonly #locate: (bytes: Uint8Array) => number;

  constructor(locate: (bytes: Uint8Array) => number) {
    this.#locate = locate;
    const base = locate(this.#bytes);
    this.#word(0, base + ADDRESS_AT);
    this.#word(16, base + IOVEC_AT);
    this.#word(24, 2);
  }

  fill(to: Uint8Array, packet: Uint8Array, body: Uint8Array): Uint8Array {
    this.#bytes.set(to, ADDRESS_AT);
    this.#fields.setUint32(8, to.length, true);
    this.#part(IOVEC_AT, packet);
    this.#part(IOVEC_AT + 16, body);
    return this.#bytes;
  }

  #part(at: number, bytes: Uint8Array): void {
    this.#word(at, this.#locate(bytes));
    this.#word(at + 8, bytes.length);
  }

  /** A 64-bit number that a double holds exactly, as every address of a user's process is. */
  #word(at: number, value: number): void {
    this.#fields.setUint32(at, value, true);
    this.#fields.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }
}
