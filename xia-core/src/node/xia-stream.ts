import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Dag } from '../dag/index.js';
import type { ConnectionStats } from '../transport/index.js';
import { PrincipalType, Xid } from '../xid/index.js';
import { exportKey, peerId } from './secure-stream.js';

/** A byte stream to a service, a Node `Duplex`. It survives the moves of both of its ends. */
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
  /** Gives the stream up in both directions and tells the peer why: a code of `StreamCode`, or one of the application from 256. */
  reset(code: number): void;
  /**
   * Resolves when the connection is over in good order: both directions have ended, and the peer has everything.
   * @throws XiaError why it is over otherwise: `connection-closed`, `refused`
   */
  untilOver(): Promise<void>;
}

/** What a stream above a connection takes from it. */
type Below = Pick<XiaStream, 'peerDag' | 'localDag' | 'connectionId' | 'stats' | 'reset' | 'untilOver'>;

/** Gives TLS above a connection the facts of the connection below it, so that both kinds of stream are used alike. */
export function secureXiaStream(tls: TLSSocket, socket: Below): XiaStream {
  return Object.defineProperties(tls, {
    peerDag: { get: () => socket.peerDag },
    localDag: { get: () => socket.localDag },
    connectionId: { get: () => socket.connectionId },
    stats: { get: () => socket.stats },
    peerHid: { value: new Xid(PrincipalType.HID, peerId(tls)) },
    exportKey: { value: (label: string, length: number) => exportKey(tls, label, length) },
    reset: {
      value: (code: number) => {
        socket.reset(code);
        tls.destroy();
      },
    },
    untilOver: { value: () => socket.untilOver() },
  }) as unknown as XiaStream;
}
