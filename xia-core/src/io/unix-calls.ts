import { XiaError } from '../bytes/index.js';
import { Errno } from './errno.js';
import { loadForeignCalls, type ForeignCalls, type PollHandle } from './foreign-calls.js';

/**
 * System calls for UNIX sockets that keep messages apart (`SOCK_SEQPACKET`), which Node does not know. None throws or waits. What gives
 * a descriptor or a count of bytes answers a negative errno when it went wrong; the others answer an errno, or nothing.
 */
export interface UnixCalls {
  /** A socket that listens at a path, which only this user can connect to. */
  readonly listen: (path: string) => number;
  readonly accept: (fd: number) => number;
  readonly connect: (path: string) => number;
  /** How much may be under way, as far as this user may have it. */
  readonly setSendBuffer: (fd: number, bytes: number) => void;
  /** Takes the next message: its bytes, which are more than `into` has when it was cut off; 0 when the other side is gone. */
  readonly receive: (fd: number, into: Uint8Array) => number;
  /** Sends the first `count` parts as one message, at most {@link MOST_PARTS}; what is undefined is left out. An errno. */
  readonly send: (fd: number, parts: readonly (Uint8Array | undefined)[], count: number) => number;
  /** Calls back from the event loop while there is something to receive. */
  readonly watch: (fd: number, onReady: () => void) => UnixWatch;
  readonly close: (fd: number) => void;
}

export interface UnixWatch {
  /** Whether it also calls back when something can be sent. */
  wantsToSend(wants: boolean): void;
  /** Must be called before the descriptor is closed. */
  stop(): void;
}

export const MOST_PARTS = 256;

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
/** Non-blocking, and closed in programs that this one starts. */
const SOCK_FLAGS = 0x800 | 0x8_0000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** The length of what is received is told even when it was cut off. */
const MSG_TRUNC = 0x20;
const BACKLOG = 128;
/** `msghdr`; the parts of a message are behind it, 16 bytes each. */
const HEADER_BYTES = 64;
const PART_BYTES = 16;

let loading: Promise<UnixCalls> | undefined;

/**
 * Loads them, once for the process.
 * @throws XiaError `missing-prerequisite` (rejects) with the reason
 */
export function loadUnixCalls(): Promise<UnixCalls> {
  loading ??= loadForeignCalls().then(unixCalls);
  return loading;
}

function unixCalls({ koffi, libc, locate }: ForeignCalls): UnixCalls {
  const { poll } = koffi.node;
  if (poll === undefined) throw new XiaError('missing-prerequisite', 'this version of koffi cannot watch descriptors');
  type Address = (fd: number, address: Uint8Array, bytes: number) => number;
  type Option = (fd: number, level: number, option: number, value: Uint8Array, bytes: number) => number;
  const socket = libc.func('int socket(int, int, int)') as (family: number, type: number, protocol: number) => number;
  const bind = libc.func('int bind(int, void *, uint32)') as Address;
  const connect = libc.func('int connect(int, void *, uint32)') as Address;
  const listen = libc.func('int listen(int, int)') as (fd: number, backlog: number) => number;
  const accept4 = libc.func('int accept4(int, void *, void *, int)') as (fd: number, from: null, bytes: null, flags: number) => number;
  const setsockopt = libc.func('int setsockopt(int, int, int, void *, uint32)') as Option;
  const recv = libc.func('int64 recv(int, void *, size_t, int)') as (fd: number, into: Uint8Array, bytes: number, flags: number) => number;
  const sendmsg = libc.func('int64 sendmsg(int, void *, int)') as (fd: number, message: Uint8Array, flags: number) => number;
  const close = libc.func('int close(int)') as (fd: number) => number;
  const message = new PartsMessage(locate);
  /** The descriptor of a new socket on which `prepare` went well. */
  const prepared = (prepare: (fd: number) => boolean): number => {
    const fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_FLAGS, 0);
    if (fd < 0) return -koffi.errno();
    if (prepare(fd)) return fd;
    const errno = koffi.errno();
    close(fd);
    return -errno;
  };
  return {
    listen(path) {
      const address = encodeUnixAddress(path);
      // The mode is narrowed before the socket exists, not after: nobody can slip in between.
      const umask = process.umask(0o177);
      try {
        return prepared((fd) => bind(fd, address, address.length) === 0 && listen(fd, BACKLOG) === 0);
      } finally {
        process.umask(umask);
      }
    },
    accept(fd) {
      const accepted = accept4(fd, null, null, SOCK_FLAGS);
      return accepted >= 0 ? accepted : -koffi.errno();
    },
    connect(path) {
      const address = encodeUnixAddress(path);
      return prepared((fd) => connect(fd, address, address.length) === 0);
    },
    setSendBuffer(fd, bytes) {
      const value = new Uint8Array(Int32Array.of(bytes).buffer);
      if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, value, 4) !== 0) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, value, 4);
    },
    receive(fd, into) {
      const bytes = recv(fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC);
      return bytes >= 0 ? bytes : -koffi.errno();
    },
    send(fd, parts, count) {
      return sendmsg(fd, message.fill(parts, count), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? Errno.NONE : koffi.errno();
    },
    watch(fd, onReady) {
      const handle: PollHandle = poll(fd, { readable: true }, onReady);
      return {
        wantsToSend: (wants) => handle.start({ readable: true, writable: wants }, onReady),
        stop: () => handle.close(),
      };
    },
    close: (fd) => void close(fd),
  };
}

/** A `sockaddr_un`. */
function encodeUnixAddress(path: string): Uint8Array {
  const text = Buffer.from(path);
  const address = new Uint8Array(2 + text.length + 1);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(text, 2);
  return address;
}

/** The one message that all are sent with: memory that does not move. */
class PartsMessage {
  readonly #bytes = new Uint8Array(HEADER_BYTES + MOST_PARTS * PART_BYTES);
  readonly #fields = new DataView(this.#bytes.buffer);
  readonly #locate: (bytes: Uint8Array) => number;

  constructor(locate: (bytes: Uint8Array) => number) {
    this.#locate = locate;
    this.#word(16, locate(this.#bytes) + HEADER_BYTES);
  }

  fill(parts: readonly (Uint8Array | undefined)[], count: number): Uint8Array {
    let filled = 0;
    for (let index = 0; index < count; index++) {
      const part = parts[index];
      if (part === undefined) continue;
      const at = HEADER_BYTES + filled++ * PART_BYTES;
      this.#word(at, this.#locate(part));
      this.#word(at + 8, part.length);
    }
    this.#fields.setUint32(24, filled, true);
    return this.#bytes;
  }

  /** A 64-bit number that a double holds exactly, as every address of a user's process is. */
  #word(at: number, value: number): void {
    this.#fields.setUint32(at, value, true);
    this.#fields.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }
}
