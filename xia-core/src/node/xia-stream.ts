import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Dag } from '../dag/index.js';
import type { ConnectionStats } from '../transport/index.js';
import { PrincipalType, Xid } from '../xid/index.js';
import { exportKey, peerId } from './secure-stream.js';

/**
 * A byte stream to a service, a Node `Duplex`. It survives the moves of both of its ends.
 *
 * `end()` ends this direction, the peer may go on; `close` follows when both have ended. `destroy()`, and the end of an
 * `await using` block, give up what was not yet delivered, and the peer's end fails with `connection-closed`. On a plain stream the
 * peer is told the `code` in the context of an XiaError given to `destroy`, if that is 256 or above. `addAbortSignal` of
 * `node:stream` works as with any stream.
 */
export interface XiaStream extends Duplex {
  /** The peer's address as it is now. */
  readonly peerDag: Dag;
  /** This end's address as it is now. */
  readonly localDag: Dag;
  /** Names the connection at this end, the same for its whole life. */
  readonly connectionId: number;
  /** The HID whose key the peer has proved to hold; undefined on a plain stream. */
  readonly peerHid: Xid | undefined;
  readonly stats: ConnectionStats;
  /**
   * `length` secret bytes that both ends of this stream, and nobody else, can derive (RFC 8446, section 7.5).
   * @throws XiaError `bad-argument` on a plain stream
   */
  exportKey(label: string, length: number): Uint8Array;
}

/** Gives TLS above a connection the facts of the connection below it, so that both kinds of stream are used alike. */
export function secureXiaStream(tls: TLSSocket, socket: Pick<XiaStream, 'peerDag' | 'localDag' | 'connectionId' | 'stats'>): XiaStream {
  return Object.defineProperties(tls, {
    peerDag: { get: () => socket.peerDag },
    localDag: { get: () => socket.localDag },
    connectionId: { get: () => socket.connectionId },
    stats: { get: () => socket.stats },
    peerHid: { value: new Xid(PrincipalType.HID, peerId(tls)) },
    exportKey: { value: (label: string, length: number) => exportKey(tls, label, length) },
  }) as unknown as XiaStream;
}
