import type { DatagramCalls } from './datagram-calls.js';
import { SOCKADDR_BYTES } from './datagram-calls.js';
import { Errno } from './errno.js';
import { SenderMemo } from './sender-memo.js';
import type { SocketHandle } from './socket-handle.js';

/** What becomes of each datagram. The bytes are used again for the next one. */
export type TakeDatagram = (bytes: Uint8Array, address: string, port: number) => void;

/** As large as any datagram, and any run of them that the kernel has put together. */
const MEMORY_BYTES = 65_536;
/** Datagrams that are taken before timers and other sockets have their turn. */
const MOST_AT_ONCE = 64;

/**
 * Takes and sends the datagrams of a socket of Node's past Node: into one piece of memory that stays warm, instead of
 * 64 KiB that are allocated, cleared and shrunk for each. Node still binds and closes the socket, and keeps what the kernel will not take.
 */
export class UdpDirect {
  readonly #handle: SocketHandle;
  readonly #calls: DatagramCalls;
  readonly #take: TakeDatagram;
  /** No `Buffer`: what `slice` gives of one is not a copy. */
  readonly #memory = new Uint8Array(MEMORY_BYTES);
  readonly #from = new Uint8Array(SOCKADDR_BYTES);
  readonly #senders = new SenderMemo();
  #unwatch: (() => void) | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #isLost = false;

  /** Node takes no datagrams from now on. @throws what `DatagramCalls.watch` throws; then Node goes on */
  constructor(handle: SocketHandle, calls: DatagramCalls, take: TakeDatagram) {
    this.#handle = handle;
    this.#calls = calls;
    this.#take = take;
    this.#unwatch = calls.watch(handle.fd, this.#readable);
    handle.recvStop();
  }

  /** Sends one datagram, whose bytes are not needed any more then. False when it is for Node to send. */
  send(to: Uint8Array, packet: Uint8Array, body: Uint8Array | undefined): boolean {
    const errno = this.#calls.send(this.#handle.fd, to, packet, body);
    // Whatever else is wrong is the neighbour's affair: silence, as on any link.
    return errno !== Errno.AGAIN && errno !== Errno.NO_BUFFERS && errno !== Errno.INTERRUPTED;
  }

  /** Must be called before the socket is closed. */
  stop(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    clearImmediate(this.#immediate);
  }

  /**
   * Who calls here opens no scope for callbacks of Node: ticks and promises would have their turn in the middle of whatever calls into
   * Node first, such as TLS, and reenter what is not done yet. So the work is left to the phase that comes next.
   */
  readonly #readable = (isReadable: boolean): void => {
    this.#isLost ||= !isReadable;
    this.#immediate ??= setImmediate(this.#attend);
  };

  readonly #attend = (): void => {
    this.#immediate = undefined;
    this.#drain();
    if (this.#isLost && this.#unwatch !== undefined) this.#giveBack();
  };

  #drain(): void {
    const { fd } = this.#handle;
    for (let taken = 0; taken < MOST_AT_ONCE && this.#unwatch !== undefined; taken++) {
      const bytes = this.#calls.receive(fd, this.#memory, this.#from);
      // An error that was reported on the socket is over with that; it is of no concern, as for Node.
      if (bytes === -Errno.REFUSED || bytes === -Errno.INTERRUPTED) continue;
      if (bytes < 0) return;
      const sender = this.#senders.of(this.#from);
      this.#take(this.#memory.subarray(0, bytes), sender.address, sender.port);
    }
  }

  /** The descriptor cannot be watched any more. */
  #giveBack(): void {
    this.stop();
    this.#handle.recvStart();
  }
}
