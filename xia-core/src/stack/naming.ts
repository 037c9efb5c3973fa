import type { Gauge, RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { NameClient, type NameEvent } from '../mobility/index.js';
import type { DatagramEndpoint, DatagramSocketHandle } from '../transport/index.js';
import type { CryptoSuite, Identity, Xid } from '../xid/index.js';
import { NameKeeper } from './name-keeper.js';

export interface NamingOptions {
  readonly identity: Identity;
  readonly crypto: CryptoSuite;
  readonly rng: RandomSource;
  readonly datagrams: DatagramEndpoint;
  /** The name server as of now, if one is known. */
  readonly nameServer: () => Dag | undefined;
  /** This node's address for a service, as of now. */
  readonly dag: (sid: Xid | undefined) => Dag;
  readonly onEvent: (event: NameEvent) => void;
  /** When it is: answers may come in the middle of any input. */
  readonly now: () => number;
}

/** What a node has to do with names: a client with a socket of its own, and the names that it keeps registered. */
export class Naming {
  readonly client: NameClient;
  readonly keeper: NameKeeper;
  readonly socket: DatagramSocketHandle;

  constructor(options: NamingOptions) {
    const { crypto, rng, identity, dag, nameServer, onEvent, now } = options;
    this.socket = options.datagrams.open();
    this.keeper = new NameKeeper({ client: () => this.client, identity, dag, onEvent });
    this.client = new NameClient({
      crypto,
      rng,
      nameServer,
      send: (destination, payload) => this.socket.send(destination, payload),
      onEvent: (event) => {
        if (!this.keeper.handle(event, now())) onEvent(event);
      },
    });
  }

  /** Something came to the socket. */
  readReplies(now: number, wallNow: number): void {
    for (let reply = this.socket.receive(); reply !== undefined; reply = this.socket.receive()) {
      this.client.handleReply(reply.payload, now, wallNow);
    }
  }

  gauges(): Gauge[] {
    return [...this.client.gauges(), ...this.keeper.gauges()];
  }

  nextTimeout(): number {
    return Math.min(this.client.nextTimeout(), this.keeper.nextTimeout());
  }

  handleTimeout(now: number, wallNow: number): void {
    if (this.client.nextTimeout() <= now) this.client.handleTimeout(now);
    if (this.keeper.nextTimeout() <= now) this.keeper.handleTimeout(now, wallNow);
  }
}
