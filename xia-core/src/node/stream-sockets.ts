import { equalBytes, XiaError, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { nodeRandom, type NodeIdentity } from '../io/index.js';
import type { NodeStack } from '../stack/index.js';
import type { ConnectionHandle, StreamEvent } from '../transport/index.js';
import { StreamCode } from '../wire/index.js';
import { PrincipalType, Xid, XID_ID_BYTES } from '../xid/index.js';
import { prepareSecureStreams, secureClient, secureServer } from './secure-stream.js';
import { StreamServer } from './stream-server.js';
import { StreamSocket, type Enter } from './stream-socket.js';
import { secureXiaStream, type XiaStream } from './xia-stream.js';

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
/** How long closing waits for the peers to have everything, unless told otherwise. */
const CLOSE_TIMEOUT_MS = 1000;

export interface ListenOptions {
  /** TLS 1.3 with both keys proven; true by default. Both ends must say the same. */
  readonly secure?: boolean;
  /** Half-open connections, and streams that nobody has taken yet; 128 by default. */
  readonly backlog?: number;
}

export interface ConnectOptions {
  readonly secure?: boolean;
  readonly signal?: AbortSignal;
  /** For opening and, when secure, the handshake; 10,000 by default. */
  readonly timeoutMs?: number;
}

interface Opening {
  readonly resolve: () => void;
  readonly reject: (error: XiaError) => void;
}

const reasons: Readonly<Record<number, string>> = {
  [StreamCode.REFUSED]: 'nobody listens there',
  [StreamCode.BUSY]: 'the peer has no room for another connection',
  [StreamCode.TIMEOUT]: 'the peer fell silent',
  [StreamCode.OPEN_TIMEOUT]: 'the peer did not answer',
  [StreamCode.PROTOCOL]: 'the protocol was broken',
  [StreamCode.GONE]: 'the peer does not know the connection any more',
  [StreamCode.ABORTED]: 'it was given up',
  [StreamCode.FLOW_CONTROL]: 'more was sent than allowed',
};

function closedError(code: number, by: 'local' | 'peer'): XiaError {
  const reason = reasons[code] ?? `code ${code}`;
  return new XiaError(code === StreamCode.REFUSED ? 'refused' : 'connection-closed', `the stream is over: ${reason}`, { code, by });
}

/** The STREAM sockets of a node: connections of its stack as Node streams, with TLS above them where wanted. */
export class StreamSockets {
  readonly #stack: NodeStack;
  readonly #enter: Enter;
  readonly #identity: NodeIdentity;
  readonly #sockets = new Map<number, StreamSocket>();
  readonly #openings = new Map<number, Opening>();
  readonly #servers = new Map<string, { readonly server: StreamServer; readonly secure: boolean }>();
  /** Our end of every stream that we open: connection ids tell them apart. */
  readonly #clientSid: Xid;

  constructor(stack: NodeStack, enter: Enter, identity: NodeIdentity) {
    this.#stack = stack;
    this.#enter = enter;
    this.#identity = identity;
    this.#clientSid = new Xid(PrincipalType.SID, nodeRandom.bytes(XID_ID_BYTES));
    stack.bindService(this.#clientSid);
  }

  listen(sid: Xid, { secure = true, backlog }: ListenOptions): StreamServer {
    this.#stack.streams.listen(sid, backlog === undefined ? {} : { backlog });
    this.#stack.bindService(sid);
    const server = new StreamServer(
      sid,
      () => this.#stack.dag(sid),
      () => {
        // The SID stays reachable: streams that were accepted go on.
        this.#servers.delete(sid.key);
        this.#stack.streams.unlisten(sid);
      },
      backlog,
    );
    this.#servers.set(sid.key, { server, secure });
    return server;
  }

  async connect(destination: Dag, { secure = true, signal, timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS }: ConnectOptions): Promise<XiaStream> {
    const beganMs = performance.now();
    // Beside the opening, which waits for the peer.
    if (secure) void prepareSecureStreams();
    const socket = await this.#open(destination, timeoutMs, signal);
    if (!secure) return socket;
    const tls = await secureClient(socket, this.#identity, isNamedBy(destination), {
      timeoutMs: Math.max(1, timeoutMs - (performance.now() - beganMs)),
      ...(signal === undefined ? {} : { signal }),
    });
    socket.above = tls;
    return secureXiaStream(tls, socket);
  }

  gauges(): Gauge[] {
    const servers = [...this.#servers.values()].map(({ server }) => server);
    const most = (of: (server: StreamServer) => number): number => Math.max(0, ...servers.map(of));
    return [
      {
        name: 'longest queue of new streams',
        unit: 'entries',
        used: most(({ pending }) => pending),
        highWater: most(({ mostPending }) => mostPending),
        bound: most(({ pendingLimit }) => pendingLimit),
        refused: servers.reduce((sum, { dropped }) => sum + dropped, 0),
      },
    ];
  }

  handle(event: StreamEvent): void {
    const { connection } = event;
    const socket = this.#sockets.get(connection.id);
    switch (event.kind) {
      case 'connected':
        return this.#openings.get(connection.id)?.resolve();
      case 'accepted':
        void this.#accept(connection, event.sid);
        return;
      case 'readable':
        return socket?.onReadable();
      case 'writable':
        return socket?.onWritable();
      case 'end':
        return socket?.onEnd();
      case 'peer-moved':
        return;
      case 'closed': {
        this.#sockets.delete(connection.id);
        const error = event.code === StreamCode.OK ? undefined : closedError(event.code, event.by);
        this.#openings.get(connection.id)?.reject(error ?? closedError(StreamCode.ABORTED, event.by));
        return socket?.onClosed(error);
      }
    }
  }

  /** Ends every stream, waiting a little for those that are ending in order already. */
  async closeAll(deliveryTimeoutMs = CLOSE_TIMEOUT_MS): Promise<void> {
    for (const { server } of this.#servers.values()) await server.close();
    for (const socket of this.#sockets.values()) if (!socket.isEnding) socket.destroy();
    const deadline = performance.now() + deliveryTimeoutMs;
    while (this.#sockets.size > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #socketOf(connection: ConnectionHandle): StreamSocket {
    const socket = new StreamSocket(connection, this.#enter);
    this.#sockets.set(connection.id, socket);
    return socket;
  }

  #open(destination: Dag, timeoutMs: number, signal: AbortSignal | undefined): Promise<StreamSocket> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(new XiaError('interrupted', 'connecting was given up'));
        return;
      }
      const connection = this.#enter((now) => this.#stack.streams.connect(destination, this.#clientSid, now));
      const socket = this.#socketOf(connection);
      // A stream that fails while it is being opened is told by the rejection.
      const ignore = () => {};
      socket.on('error', ignore);
      const settle = (error?: XiaError) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#openings.delete(connection.id);
        if (error === undefined) {
          socket.off('error', ignore);
          resolve(socket);
        } else {
          socket.destroy();
          reject(error);
        }
      };
      const onAbort = () => settle(new XiaError('interrupted', 'connecting was given up'));
      const timer = setTimeout(
        () => settle(new XiaError('timeout', `no answer to connecting within ${timeoutMs} ms`, { timeoutMs })),
        timeoutMs,
      );
      this.#openings.set(connection.id, { resolve: () => settle(), reject: settle });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async #accept(connection: ConnectionHandle, sid: Xid): Promise<void> {
    const socket = this.#socketOf(connection);
    const listening = this.#servers.get(sid.key);
    if (listening === undefined) {
      socket.destroy();
      return;
    }
    const { server, secure } = listening;
    if (!secure) {
      server.offer(socket);
      return;
    }
    try {
      socket.above = await secureServer(socket, this.#identity);
      server.offer(secureXiaStream(socket.above, socket));
    } catch {
      // A peer that cannot prove who it is has been hung up on; there is nobody here to tell.
    }
  }
}

/** Whether a key's id is one that the address promises: its host's, or its service's. */
function isNamedBy(destination: Dag): (id: Uint8Array) => boolean {
  const ids = destination.nodes
    .filter(({ xid }) => xid.type === PrincipalType.HID || xid.type === PrincipalType.SID)
    .map(({ xid }) => xid.id);
  return (id) => ids.some((known) => equalBytes(known, id));
}
