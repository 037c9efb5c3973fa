import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { XiaError } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { ConnectionStats } from '../transport/index.js';
import { PrincipalType, Xid } from '../xid/index.js';
import { exportKey, peerId } from './secure-stream.js';
import type { StreamSocket } from './stream-socket.js';

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
}

/** Gives the stream that the application uses (the socket itself, or TLS above it) the facts of the connection below. */
function withFacts(stream: Duplex, socket: StreamSocket, peerHid: Xid | undefined, deriveKey: XiaStream['exportKey']): XiaStream {
  return Object.defineProperties(stream, {
    peerDag: { get: () => socket.peerDag },
    localDag: { get: () => socket.localDag },
    connectionId: { get: () => socket.connectionId },
    stats: { get: () => socket.stats },
    peerHid: { value: peerHid },
    exportKey: { value: deriveKey },
  }) as XiaStream;
}

/** The application's side of an encrypted stream. */
export function secureXiaStream(tls: TLSSocket, socket: StreamSocket): XiaStream {
  return withFacts(tls, socket, new Xid(PrincipalType.HID, peerId(tls)), (label, length) => exportKey(tls, label, length));
}

/** The application's side of a stream in the clear. */
export function plainXiaStream(socket: StreamSocket): XiaStream {
  return withFacts(socket, socket, undefined, () => {
    throw new XiaError('bad-argument', 'a plain stream has no secret to derive keys from');
  });
}
