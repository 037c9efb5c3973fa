import type { Socket } from 'node:dgram';

/** What is behind a datagram socket of Node. */
export interface SocketHandle {
  readonly fd: number;
  /** Begins, and ends, the reading of datagrams by Node. */
  recvStart(): void;
  recvStop(): void;
}

/**
 * What is behind a socket. Node has no public way to it (to its descriptor alone a deprecated one, which prints a warning); where a
 * version of Node keeps it elsewhere, there is none.
 */
export function handleOf(socket: Socket): SocketHandle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  if (symbol === undefined) return undefined;
  const state = (socket as unknown as Record<symbol, { readonly handle?: Partial<SocketHandle> | null } | undefined>)[symbol];
  const handle = state?.handle;
  const isComplete =
    typeof handle?.fd === 'number' && handle.fd >= 0 && typeof handle.recvStart === 'function' && typeof handle.recvStop === 'function';
  return isComplete ? (handle as SocketHandle) : undefined;
}
