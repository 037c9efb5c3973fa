import { concatBytes } from '../../../xia-core/src/bytes/index.js';
import type { ConnectionHandle, StreamEvent } from '../../../xia-core/src/transport/stream-events.js';
import type { Host, Network } from './network.js';

/** Writes `data` to a connection as it takes it, ends it, and collects what comes back. */
export class Pump {
  readonly received: Uint8Array[] = [];
  ended = false;
  closed: { readonly code: number; readonly by: string } | undefined;
  #connection: ConnectionHandle | undefined;
  #sent = 0;
  readonly #network: Network;
  readonly #data: Uint8Array;
  readonly #chunkBytes: number;

  constructor(network: Network, host: Host, data: Uint8Array, chunkBytes = 4096) {
    this.#network = network;
    this.#data = data;
    this.#chunkBytes = chunkBytes;
    host.onEvent = (event) => this.handle(event);
  }

  get bytes(): Uint8Array {
    return concatBytes(...this.received);
  }

  get connection(): ConnectionHandle {
    if (this.#connection === undefined) throw new Error('not connected');
    return this.#connection;
  }

  handle(event: StreamEvent): void {
    this.#connection ??= event.connection;
    if (event.connection !== this.#connection) return;
    const { now } = this.#network;
    if (event.kind === 'connected' || event.kind === 'accepted' || event.kind === 'writable') this.#push(now);
    if (event.kind === 'readable') {
      for (let part = event.connection.read(65536, now); part !== undefined; part = event.connection.read(65536, now)) {
        this.received.push(part.slice());
      }
    }
    if (event.kind === 'end') this.ended = true;
    if (event.kind === 'closed') this.closed = { code: event.code, by: event.by };
  }

  #push(now: number): void {
    const connection = this.connection;
    while (this.#sent < this.#data.length) {
      const part = this.#data.slice(this.#sent, this.#sent + this.#chunkBytes);
      const taken = connection.write(part, now);
      this.#sent += taken;
      if (taken < part.length) return;
    }
    connection.end(now);
  }
}
