import {
  contentDag,
  encodeDgramHeader,
  encodeRedirect,
  encodeXip,
  MemoryRecordStore,
  NameServerCore,
  NextHeader,
  PrincipalType,
  serviceDag,
  SID_BOOTSTRAP,
  SID_NAME_SERVICE,
  Xid,
  type ConnectionHandle,
  type CryptoSuite,
  type DatagramSocketHandle,
} from 'xia-core';
import { addApplication, addHost, addRouter } from '../simulation/domains.js';
import { SimNetwork, type SimNode } from '../simulation/network.js';
import { simCrypto } from '../simulation/sim-identity.js';

const LINK = { delayMs: 1, jitterMs: 1, jitterReorders: true };
const STREAM_SID = Xid.of(PrincipalType.SID, '5e'.repeat(20));
const CLIENT_SID = Xid.of(PrincipalType.SID, 'c1'.repeat(20));
const DATAGRAM_SID = Xid.of(PrincipalType.SID, 'da'.repeat(20));
/** Packets of each next header that are remembered, to be changed and sent again. */
const REMEMBERED = 64;

const KINDS: ReadonlySet<number> = new Set([NextHeader.CHUNK, NextHeader.TRANSPORT, NextHeader.XCMP, NextHeader.STREAM]);

/** Small, so that every bound is met. */
const LIMITS = {
  cache: { bytes: 300_000, policy: 'lru' },
  mobilityLimits: { maxBindings: 64, messagesPerSecond: 1e6, bindingsPerSecond: 1e6 },
  streamLimits: { maxConnections: 12, maxLingering: 16, sendBufferBytes: 30_000, receiveWindowBytes: 30_000 },
  fetchLimits: { maxChunkBytes: 100_000, maxBufferedBytes: 200_000, maxFetches: 32, giveUpMs: 500 },
} as const;

/** Believes every signature, so that changed statements reach the code behind the check. */
const trusting: CryptoSuite = { ...simCrypto, verify: () => true };

export interface SentPacket {
  readonly packet: Uint8Array;
  /** Whose it is next. */
  readonly node: SimNode;
  readonly face: number;
}

/**
 * A network of every kind of node with everything under way on it: streams, datagrams, fetches through a cache, names,
 * bindings. What it sends is remembered, and is what the fuzzer changes.
 */
export class FuzzWorld {
  readonly network: SimNetwork;
  readonly nodes: readonly SimNode[];
  readonly sent = new Map<number, SentPacket[]>();
  /** A router, its host and an application behind it, and one elsewhere. */
  readonly router: SimNode;
  readonly host: SimNode;
  readonly server: SimNode;
  readonly client: SimNode;
  readonly connections: ConnectionHandle[] = [];
  readonly sockets: DatagramSocketHandle[] = [];
  readonly cids: Xid[] = [];
  readonly #links: readonly ReturnType<SimNetwork['connect']>[];
  #sentCount = 0;

  constructor(seed: number, believesAll: boolean) {
    const network = new SimNetwork(seed, believesAll ? trusting : simCrypto);
    this.network = network;
    const here = addRouter(network, 'R1', 1, 2, LIMITS);
    const there = addRouter(network, 'R2', 1, 1, LIMITS);
    const host = addHost(network, 'HOST', 2, LIMITS);
    const server = addApplication(network, 'SERVER', LIMITS);
    const names = addApplication(network, 'NAMES');
    const nameServer = serviceDag(here.ad, names.stack.hid, SID_NAME_SERVICE);
    const client = addApplication(network, 'CLIENT', { ...LIMITS, nameServer });
    this.router = here.node;
    this.host = host;
    this.server = server;
    this.client = client;
    this.nodes = [here.node, there.node, host, server, client];
    here.node.stack.addRoute(there.ad, { face: here.node.stack.faces.byName('peer0')!, neighbour: 0 });
    there.node.stack.addRoute(here.ad, { face: there.node.stack.faces.byName('peer0')!, neighbour: 0 });
    this.#links = [
      network.connect(here.node, 'peer0', there.node, 'peer0', LINK),
      network.connect(host, 'up', here.node, 'access0', LINK),
      network.connect(names, 'up', here.node, 'access1', LINK),
      network.connect(server, 'up', host, 'access0', LINK),
      network.connect(client, 'up', there.node, 'access0', LINK),
    ];
    network.onPacket = (packet, to) => {
      // What was changed so much that it is of no kind is not worth to be changed again.
      if (KINDS.has(packet[1]!)) this.#remember({ packet, node: to.node, face: to.face });
    };
    for (const node of this.nodes) this.#follow(node);
    serveNames(names, network);
    network.start();
    network.runFor(400);
    this.#begin();
    network.runFor(300);
  }

  /** Opens what is to be under way. */
  #begin(): void {
    const { client, server, network } = this;
    server.stack.bindService(STREAM_SID);
    server.stack.streams.listen(STREAM_SID, { backlog: 4 });
    client.stack.bindService(CLIENT_SID);
    for (const node of [server, client]) {
      const socket = node.stack.datagrams.open(DATAGRAM_SID);
      node.stack.bindService(DATAGRAM_SID);
      this.sockets.push(socket);
    }
    for (const bytes of [3000, 60_000]) this.publish(bytes);
    for (let index = 0; index < 2; index++) this.connect();
    this.fetch(1);
    this.#redirect();
    client.enter((now) => client.stack.keepName('client.xia', undefined, 1000, 1, now));
    client.enter(() => this.sockets[1]!.send(server.stack.dag(DATAGRAM_SID), network.rng.bytes(300)));
    client.enter((now) =>
      client.stack.sendEcho(server.stack.dag(), client.stack.echoes.message(7, 1, network.rng.bytes(40)), undefined, now),
    );
    client.enter((now) => client.stack.sendEcho(server.stack.dag(), client.stack.echoes.message(7, 2, network.rng.bytes(40)), 2, now));
  }

  /** Tells the client that the server has moved, with what the router knows of it; another sequence makes it news. */
  #redirect(): void {
    const proof = this.router.stack.mobility.proofOf(this.host.stack.hid);
    if (proof === undefined) return;
    const packet = encodeXip({
      nextHeader: NextHeader.TRANSPORT,
      destination: this.client.stack.dag(SID_BOOTSTRAP),
      source: this.router.stack.dag(SID_BOOTSTRAP),
      payload: [encodeDgramHeader(), encodeRedirect({ binding: proof.bindingBytes, ack: proof.ackBytes })],
    });
    this.client.enter((now) => this.client.stack.sendEcho(this.host.stack.dag(), new Uint8Array(8), undefined, now));
    this.#remember({ packet, node: this.client, face: this.client.stack.faces.byName('up')! });
  }

  /** Publishes a chunk of random content at the server. */
  publish(bytes: number): void {
    const content = this.network.rng.bytes(bytes);
    const id = this.network.crypto.hash(content);
    if (this.cids.length >= 16) this.server.stack.content.unpublish(this.cids.shift()!.id);
    this.cids.push(new Xid(PrincipalType.CID, id.slice()));
    this.server.enter((now) => this.server.stack.content.publish(id, content, now));
  }

  /** Fetches one of the chunks; a number that is in use is left alone. */
  fetch(id: number): void {
    const { client, server, cids } = this;
    const cid = cids[id % cids.length];
    const [ad, hid] = [server.stack.ad, server.stack.hid];
    if (cid === undefined || ad === undefined) return;
    client.enter((now) => {
      client.stack.fetcher.cancel(id, now);
      client.stack.fetcher.fetch(contentDag(ad, hid, cid), now, { id });
    });
  }

  /** Opens another stream, if there may be one. */
  connect(): void {
    const { client, server } = this;
    if (client.stack.streams.size >= LIMITS.streamLimits.maxConnections) return;
    this.#keep(client.enter((now) => client.stack.streams.connect(server.stack.dag(STREAM_SID), CLIENT_SID, now)));
  }

  /** Takes a link down, and up again at once: neighbours go, routes go. */
  flap(index: number): void {
    const link = this.#links[index % this.#links.length]!;
    for (const { node, face } of link.ends) node.enter((now) => node.stack.neighbourGone(face, 1, now));
  }

  #remember(sent: SentPacket): void {
    const kind = sent.packet[1]!;
    const ofKind = this.sent.get(kind);
    if (ofKind === undefined) this.sent.set(kind, [sent]);
    else if (ofKind.length < REMEMBERED) ofKind.push(sent);
    // The first half stays: it is from before anything was changed.
    else ofKind[REMEMBERED / 2 + (this.#sentCount++ % (REMEMBERED / 2))] = sent;
  }

  #follow(node: SimNode): void {
    node.onEvent = (event) => {
      if (event.layer === 'stream' && event.event.kind === 'accepted') this.#keep(event.event.connection);
      if (event.layer === 'stream' && event.event.kind === 'readable') {
        while (event.event.connection.read(5000, this.network.now) !== undefined);
      }
    };
  }

  #keep(connection: ConnectionHandle): void {
    if (this.connections.length >= 64) this.connections.shift();
    this.connections.push(connection);
  }
}

function serveNames(node: SimNode, network: SimNetwork): void {
  const socket = node.stack.datagrams.open(SID_NAME_SERVICE);
  node.stack.bindService(SID_NAME_SERVICE);
  const core = new NameServerCore({
    crypto: simCrypto,
    store: new MemoryRecordStore(),
    send: (destination, payload) => void socket.send(destination, payload),
  });
  const next = node.onEvent;
  node.onEvent = (event) => {
    if (event.layer !== 'datagram' || event.socket !== socket) return next(event);
    for (let request = socket.receive(); request !== undefined; request = socket.receive()) {
      core.handle(request.payload, request.source, network.now, network.now + node.stack.wallOffsetMs);
    }
  };
}
