import type { Dag } from '../dag/index.js';
import { StreamCode } from '../wire/stream.js';
import type { ConnectionOwner } from './connection-owner.js';
import type { Receiver } from './receiver.js';
import type { SendBuffer } from './send-buffer.js';
import { ConnectionState, type ConnectionHandle } from './stream-events.js';

/**
 * Where a connection is in its life, and what its application has yet to hear of that. What happens while a packet is taken in
 * is only noted; {@link tellNews} tells it afterwards.
 */
export class ConnectionLife {
  readonly #owner: Pick<ConnectionOwner<never>, 'emit' | 'settings'>;
  readonly #connection: ConnectionHandle;
  readonly #isServer: boolean;
  readonly #receiver: Receiver;
  readonly #sendBuffer: SendBuffer;
  #state: ConnectionState;
  #over = false;
  #wantsWritable = false;
  #openedNews = false;
  #readableNews = false;
  #movedFrom: Dag | undefined;
  #endTold = false;

  constructor(
    owner: Pick<ConnectionOwner<never>, 'emit' | 'settings'>,
    connection: ConnectionHandle,
    isServer: boolean,
    receiver: Receiver,
    sendBuffer: SendBuffer,
  ) {
    this.#owner = owner;
    this.#connection = connection;
    this.#isServer = isServer;
    this.#receiver = receiver;
    this.#sendBuffer = sendBuffer;
    this.#state = isServer ? ConnectionState.ACCEPTING : ConnectionState.OPENING;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** No packet is sent or taken any more, but what arrived may still be read. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether the application knows the connection: one that is not accepted yet is nothing to the server's. */
  get announced(): boolean {
    return this.#state !== ConnectionState.ACCEPTING && !(this.#isServer && this.#openedNews);
  }

  /** The peer has moved, and that was not told yet. */
  get hasMoved(): boolean {
    return this.#movedFrom !== undefined;
  }

  // ---- what happens to it

  open(): void {
    this.#state = ConnectionState.OPEN;
    this.#openedNews = true;
  }

  /** There are no more packets for it; {@link tellEnd} or {@link close} comes later. */
  finish(): void {
    this.#over = true;
  }

  noteReadable(): void {
    this.#readableNews = true;
  }

  noteMove(from: Dag): void {
    this.#movedFrom ??= from;
  }

  /** A write was cut short. */
  noteFull(): void {
    this.#wantsWritable = true;
  }

  // ---- what is told

  /** Handlers may do anything, so each is told only if the one before has not ended the connection. */
  tellNews(): void {
    const connection = this.#connection;
    if (this.#openedNews) {
      this.#openedNews = false;
      if (this.#isServer) this.#owner.emit({ kind: 'accepted', connection, sid: connection.localSid });
      else this.#owner.emit({ kind: 'connected', connection });
    }
    const from = this.#movedFrom;
    if (from !== undefined && this.#state !== ConnectionState.CLOSED) {
      this.#movedFrom = undefined;
      this.#owner.emit({ kind: 'peer-moved', connection, from, to: connection.peerDag });
    }
    if (this.#readableNews && this.#state !== ConnectionState.CLOSED) {
      this.#readableNews = false;
      this.#owner.emit({ kind: 'readable', connection });
    }
    if (this.#receiver.drained) this.tellEnd();
    if (this.#wantsWritable && !this.#over && this.#sendBuffer.hasMuchRoom) {
      this.#wantsWritable = false;
      this.#owner.emit({ kind: 'writable', connection });
    }
  }

  /** All of the peer's bytes were read; the last news, when ours have arrived as well. */
  tellEnd(): void {
    if (this.#state === ConnectionState.CLOSED) return;
    if (!this.#endTold) {
      this.#endTold = true;
      this.#owner.emit({ kind: 'end', connection: this.#connection });
    }
    if (this.#over) this.tellClosed(StreamCode.OK, 'local');
  }

  tellClosed(code: number, by: 'local' | 'peer'): void {
    if (this.#state !== ConnectionState.CLOSED) this.close(code, by, true);
  }

  /** @param isTold whether the application hears of it, see {@link announced} */
  close(code: number, by: 'local' | 'peer', isTold: boolean): void {
    this.#state = ConnectionState.CLOSED;
    if (isTold) this.#owner.emit({ kind: 'closed', connection: this.#connection, code, by });
  }
}
