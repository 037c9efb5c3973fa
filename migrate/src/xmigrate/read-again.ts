import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';

/** Node knows this option; its documentation and its types do not. */
interface HandleOptions extends SocketConstructorOpts {
  readonly handle: object;
  readonly pauseOnCreate: boolean;
  readonly onread: OnReadOpts;
}

/**
 * A socket over what a server has accepted (with `pauseOnConnect`), that reads into the same memory again and again: Node takes this
 * option for sockets that connect, and gives accepted ones 64 KB of fresh memory for each read. Where a version of Node keeps the
 * connection elsewhere, it is the accepted socket, with a buffer for each piece as usual.
 * @param onPiece is handed what was read; it is valid until this returns
 * @returns the one to use from now on, paused
 */
export function readAgain(accepted: Socket, buffer: Uint8Array, onPiece: (piece: Uint8Array) => void): Socket {
  const handle = (accepted as { _handle?: object | null })._handle;
  const isKnown = typeof handle === 'object' && handle !== null && 'readStart' in handle && 'useUserBuffer' in handle;
  if (!isKnown) return accepted.on('data', onPiece).pause();
  const callback = (bytes: number): boolean => {
    onPiece(buffer.subarray(0, bytes));
    return true;
  };
  const options: HandleOptions = { handle, pauseOnCreate: true, onread: { buffer, callback } };
  return new Socket(options);
}
