import { datagramCalls, type DatagramCalls } from './datagram-calls.js';
import { Errno } from './errno.js';
import { loadForeignCalls } from './foreign-calls.js';

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
const MSG_DONTWAIT = 0x40;

/** System calls that Node does not offer. Each answers an errno, 0 when it went well; nothing throws or waits. */
export interface UdpKernel {
  /** Lets the kernel hand up datagrams of one sender and one size (the last may be shorter) as one. */
  enableGro(fd: number): number;
  /** Whether the kernel knows runs; leaves the socket as it is. */
  probeGso(fd: number): number;
  /**
   * Sends bytes as datagrams of `segmentBytes`, the last one shorter or equal, all or none. The socket keeps no state of it.
   * @param address a `sockaddr` as {@link encodeSockaddr} makes it
   */
  sendRun(fd: number, address: Uint8Array, bytes: Uint8Array, segmentBytes: number): number;
  /** Where they can be taken and sent past Node. */
  readonly datagrams?: DatagramCalls | undefined;
}

// Where the parts of a message lie in one piece of memory: msghdr, iovec, control message, sockaddr.
const HEADER_AT = 0;
const IOVEC_AT = 64;
const CONTROL_AT = 80;
const ADDRESS_AT = 112;
const MESSAGE_BYTES = 160;
/** A `cmsghdr` and the 16-bit segment size, without and with the padding behind it. */
const CONTROL_BYTES = 18;
const CONTROL_SPACE = 24;

let loading: Promise<UdpKernel> | undefined;

/**
 * Loads the system calls, once for the process. The module that makes them is an optional dependency.
 * @throws XiaError `missing-prerequisite` (rejects) with the reason
 */
export function loadUdpKernel(): Promise<UdpKernel> {
  loading ??= load();
  return loading;
}

async function load(): Promise<UdpKernel> {
  const calls = await loadForeignCalls();
  const { koffi, libc, locate } = calls;
  const sendmsg = libc.func('int64 sendmsg(int, void *, int)') as (fd: number, message: Uint8Array, flags: number) => number;
  const setsockopt = libc.func('int setsockopt(int, int, int, void *, uint32)') as (
    ...call: [fd: number, level: number, option: number, value: Uint8Array, bytes: number]
  ) => number;
  const setInteger = (fd: number, option: number, value: number) =>
    setsockopt(fd, SOL_UDP, option, new Uint8Array(Int32Array.of(value).buffer), 4) === 0 ? Errno.NONE : koffi.errno();
  const message = new RunMessage(locate);
  return {
    enableGro: (fd) => setInteger(fd, UDP_GRO, 1),
    probeGso: (fd) => setInteger(fd, UDP_SEGMENT, 0),
    sendRun: (fd, address, bytes, segmentBytes) =>
      sendmsg(fd, message.fill(address, bytes, segmentBytes), MSG_DONTWAIT) >= 0 ? Errno.NONE : koffi.errno(),
    datagrams: datagramCalls(calls),
  };
}

/** The one message that all runs are sent with: memory that does not move, so its pointers to itself are written once. */
class RunMessage {
  readonly #bytes = new Uint8Array(MESSAGE_BYTES);
  readonly #fields = new DataView(this.#bytes.buffer);
  readonly #locate: (bytes: Uint8Array) => number;

  constructor(locate: (bytes: Uint8Array) => number) {
    this.#locate = locate;
    const base = locate(this.#bytes);
    const fields = this.#fields;
    this.#pointer(HEADER_AT, base + ADDRESS_AT);
    this.#pointer(HEADER_AT + 16, base + IOVEC_AT);
    this.#pointer(HEADER_AT + 24, 1);
    this.#pointer(HEADER_AT + 32, base + CONTROL_AT);
    this.#pointer(HEADER_AT + 40, CONTROL_SPACE);
    this.#pointer(CONTROL_AT, CONTROL_BYTES);
    fields.setInt32(CONTROL_AT + 8, SOL_UDP, true);
    fields.setInt32(CONTROL_AT + 12, UDP_SEGMENT, true);
  }

  fill(address: Uint8Array, bytes: Uint8Array, segmentBytes: number): Uint8Array {
    const fields = this.#fields;
    this.#bytes.set(address, ADDRESS_AT);
    fields.setUint32(HEADER_AT + 8, address.length, true);
    this.#pointer(IOVEC_AT, this.#locate(bytes));
    this.#pointer(IOVEC_AT + 8, bytes.length);
    fields.setUint16(CONTROL_AT + 16, segmentBytes, true);
    return this.#bytes;
  }

  /** A 64-bit number that a double holds exactly, as every address of a user's process is. */
  #pointer(at: number, value: number): void {
    this.#fields.setUint32(at, value, true);
    this.#fields.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }
}
