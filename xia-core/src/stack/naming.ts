import type { Gauge, RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { NameClient, NOBODY_WAITS, type MovedHosts, type NameEvent } from '../mobility/index.js';
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
  /** Which of the hosts that this node sends to have moved. */
  readonly moved: () => MovedHosts;
  readonly onEvent: (event: NameEvent) => void;
  /** When it is: answers may come in the middle of any input. */
  readonly now: () => number;
}

/** What a node has to do with names: a client with a socket of its own, and the names that it keeps registered. */
export class Naming {
  readonly client: NameClient;
  readonly keeper: NameKeeper;
  readonly socket: DatagramSocketHandle;
  readonly #options: NamingOptions;
  /** Where the kept names were registered last. */
  #server: Dag | undefined;

  constructor(options: NamingOptions) {
    const { crypto, rng, identity, dag, nameServer, moved, onEvent, now } = options;
    this.#options = options;
    this.socket = options.datagrams.open();
    this.keeper = new NameKeeper({ client: () => this.client, identity, dag, onEvent });
    this.client = new NameClient({
      crypto,
      rng,
      nameServer,
      send: (destination, payload) => this.socket.send(destination, payload),
      onEvent: (event) => {
        if (event.id !== NOBODY_WAITS && !this.keeper.handle(event, now())) onEvent(event);
      },
      current: (known) => moved().current(known, now()),
      onChanged: (before, { dag: after, ttlMs }, owner) => moved().told(before, after, owner, ttlMs, now()),
    });
  }

  /** Something came to the socket. */
  readReplies(now: number, wallNow: number): void {
    for (let reply = this.socket.receive(); reply !== undefined; reply = this.socket.receive()) {
      this.client.handleReply(reply.payload, now, wallNow);
    }
  }

  /** The node has another address: its names get it at once. */
  addressChanged(now: number, wallNow: number): void {
    this.#server = this.#options.nameServer();
    this.keeper.addressChanged(now, wallNow);
  }

  /** Something may have told of another name server: the kept names are registered there, too. */
  lookForServer(now: number, wallNow: number): void {
    const server = this.#options.nameServer();
    if (server === undefined || this.#server?.equals(server) === true) return;
    this.addressChanged(now, wallNow);
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
