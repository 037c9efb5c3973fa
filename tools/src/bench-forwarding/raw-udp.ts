import koffi from 'koffi';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SO_SNDBUFFORCE = 32;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
const POLLIN = 1;
const SOCKET_BUFFER_BYTES = 16 * 1024 * 1024;

const libc = koffi.load(null);
const socket = libc.func('int socket(int, int, int)');
const bind = libc.func('int bind(int, const uint8_t *, uint32_t)');
const connect = libc.func('int connect(int, const uint8_t *, uint32_t)');
const getsockname = libc.func('int getsockname(int, _Out_ uint8_t *, _Inout_ uint8_t *)');
const setsockopt = libc.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)');
const send = libc.func('long send(int, const uint8_t *, size_t, int)');
const recv = libc.func('long recv(int, _Out_ uint8_t *, size_t, int)');
const poll = libc.func('int poll(_Inout_ uint8_t *, unsigned long, int)');

function loopback(port: number): Uint8Array {
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
}

function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** Lets the kernel cut what is sent on a socket into datagrams of so many bytes. False when it cannot. */
export function cutInto(descriptor: number, segmentBytes: number): boolean {
  return setsockopt(descriptor, SOL_UDP, UDP_SEGMENT, int(segmentBytes), 4) === 0;
}

/** Lets the kernel hand over datagrams of one sender and size as one. False when it cannot. */
export function gather(descriptor: number): boolean {
  return setsockopt(descriptor, SOL_UDP, UDP_GRO, int(1), 4) === 0;
}

/**
 * A UDP socket on the loopback interface without Node's own between: the ends of the benchmark must not be what limits it.
 * All calls return at once, but for `wait`.
 */
export class RawUdp {
  readonly descriptor: number = socket(AF_INET, SOCK_DGRAM, 0) as number;
  readonly port: number;
  readonly #polled: Uint8Array;

  constructor() {
    bind(this.descriptor, loopback(0), 16);
    // Without the right to it the socket has the system's default, and more gets lost.
    setsockopt(this.descriptor, SOL_SOCKET, SO_RCVBUFFORCE, int(SOCKET_BUFFER_BYTES), 4);
    setsockopt(this.descriptor, SOL_SOCKET, SO_SNDBUFFORCE, int(SOCKET_BUFFER_BYTES), 4);
    const name = new Uint8Array(16);
    getsockname(this.descriptor, name, int(16));
    this.port = (name[2]! << 8) | name[3]!;
    this.#polled = Uint8Array.of(...int(this.descriptor), POLLIN, 0, 0, 0);
  }

  connect(port: number): void {
    connect(this.descriptor, loopback(port), 16);
  }

  /** False when nothing was sent: no memory in the kernel, or nobody listens. */
  send(bytes: Uint8Array, length = bytes.length): boolean {
    return (send(this.descriptor, bytes, length, MSG_DONTWAIT) as number) === length;
  }

  /** How long the next datagram was, of which `into` gets the beginning; -1 when none is there. */
  receive(into: Uint8Array): number {
    return recv(this.descriptor, into, into.length, MSG_DONTWAIT | MSG_TRUNC) as number;
  }

  /** Waits for a datagram, with the whole process. */
  wait(timeoutMs: number): boolean {
    return (poll(this.#polled, 1, timeoutMs) as number) > 0;
  }
}
