import type { Socket } from 'node:dgram';
import { encodeSockaddr } from './socket-address.js';
import { Errno } from './errno.js';
import { handleOf, type SocketHandle } from './socket-handle.js';
import { UdpDirect, type TakeDatagram } from './udp-direct.js';
import { loadUdpKernel, type UdpKernel } from './udp-kernel.js';

/** What became of a run: sent, not this time, or never again on this socket. */
export const RunOutcome = { SENT: 0, NOT_NOW: 1, REFUSED: 2 } as const;
export type RunOutcome = (typeof RunOutcome)[keyof typeof RunOutcome];

/** Errors that are about the socket or the system, not about one destination: no other run would fare better. */
const REFUSALS: ReadonlySet<number> = new Set([
  Errno.IO,
  Errno.INVALID,
  Errno.NO_CALL,
  Errno.TOO_LARGE,
  Errno.NO_OPTION,
  Errno.NOT_SUPPORTED,
]);

/**
 * Runs of datagrams over one UDP socket: several packets in one system call, cut apart by the kernel or the network card
 * (UDP GSO) and put together again by the receiving kernel (UDP GRO).
 *
 * A run leaves by a call of its own with the segment size beside it, past Node's queue: so the socket keeps no size by which it
 * would cut other packets. Whoever sends waits with runs while Node's queue has something, to keep the order.
 */
export class UdpOffload {
  readonly #kernel: UdpKernel;
  readonly #handle: SocketHandle;
  /** By neighbour; null where there is none, undefined where nobody asked yet. */
  readonly #addresses: (Uint8Array | null | undefined)[] = [];
  #refusal: string | undefined;

  private constructor(kernel: UdpKernel, handle: SocketHandle) {
    this.#kernel = kernel;
    this.#handle = handle;
  }

  /**
   * Switches both directions on.
   * @returns the reason in words when this system cannot
   */
  static async start(socket: Socket, load: () => Promise<UdpKernel> = loadUdpKernel): Promise<UdpOffload | string> {
    let kernel: UdpKernel;
    try {
      kernel = await load();
    } catch (error) {
      return (error as Error).message;
    }
    const handle = handleOf(socket);
    if (handle === undefined) return 'the socket does not tell its descriptor';
    // Sending first: what was received as a run shall be able to leave as one.
    const errno = kernel.probeGso(handle.fd) || kernel.enableGro(handle.fd);
    return errno === Errno.NONE ? new UdpOffload(kernel, handle) : `the system refuses the option (errno ${errno})`;
  }

  /** Takes and sends single datagrams past Node from now on, until `stop`. Undefined where that cannot be. */
  takeOver(take: TakeDatagram): UdpDirect | undefined {
    const { datagrams } = this.#kernel;
    if (datagrams === undefined) return undefined;
    try {
      return new UdpDirect(this.#handle, datagrams, take);
    } catch {
      return undefined;
    }
  }

  /** The `sockaddr` of a neighbour; null where there is none. */
  addressOf(neighbour: number, address: string, port: number): Uint8Array | null {
    const known = this.#addresses[neighbour];
    return known === undefined ? (this.#addresses[neighbour] = encodeSockaddr(address, port) ?? null) : known;
  }

  /** Why runs are not sent any more; undefined while they are. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** @param bytes at most 65,507 of them, 64 segments */
  send(neighbour: number, address: string, port: number, bytes: Uint8Array, segmentBytes: number): RunOutcome {
    if (this.#refusal !== undefined) return RunOutcome.NOT_NOW;
    const to = this.addressOf(neighbour, address, port);
    if (to === null) return RunOutcome.NOT_NOW;
    const errno = this.#kernel.sendRun(this.#handle.fd, to, bytes, segmentBytes);
    if (errno === Errno.NONE) return RunOutcome.SENT;
    if (!REFUSALS.has(errno)) return RunOutcome.NOT_NOW;
    this.#refusal = `the system refused a run (errno ${errno})`;
    return RunOutcome.REFUSED;
  }

  /** A neighbour's number is given to another one. */
  forget(neighbour: number): void {
    this.#addresses[neighbour] = undefined;
  }
}
