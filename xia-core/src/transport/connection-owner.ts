import type { Dag } from '../dag/index.js';
import type { StreamPacketWriter } from '../wire/stream-writer.js';
import type { Xid } from '../xid/index.js';
import type { BufferBudget } from './buffer-budget.js';
import type { ConnectionIds } from './connection-ids.js';
import type { Remains } from './linger.js';
import type { StreamEvent } from './stream-events.js';
import type { StreamSettings } from './stream-options.js';

/** The most that one connection of an endpoint ever held. */
export interface BufferMarks {
  sendBytes: number;
  receiveBytes: number;
}

/** What a connection needs from its endpoint. */
export interface ConnectionOwner<Connection> {
  readonly settings: StreamSettings;
  readonly writer: StreamPacketWriter;
  readonly marks: BufferMarks;
  /** For what the connections want to send, and for what they may receive. */
  readonly sendBudget: BufferBudget;
  readonly receiveBudget: BufferBudget;
  emit(event: StreamEvent): void;
  /** A server's connection is open now: its listener has room for another. */
  opened(connection: Connection): void;
  /** The deadline may be another one. */
  reschedule(connection: Connection): void;
  /** The connection wants its `handleTimeout` called at once, even when it is over. */
  wake(connection: Connection, now: number): void;
  /** No packet concerns the connection any more; `remains` answers for it, if there is anything to say. */
  retire(connection: Connection, remains: Remains | undefined, now: number): void;
}

/** How a connection begins. */
export interface ConnectionStart {
  readonly id: number;
  readonly ids: ConnectionIds;
  readonly localSid: Xid;
  readonly peerDag: Dag;
  readonly isServer: boolean;
  /** Under which a repeated OPEN of the peer is recognised. */
  readonly openingKey?: string;
}
