import { contentDag, PrincipalType, Xid, xidOf, type Dag, type FetchLimits, type LinkShape } from 'xia-core';
import { SimNetwork, type SimNode } from './network.js';
import { simCrypto, simIdentity } from './sim-identity.js';

export interface FetchWorldOptions {
  readonly seed: number;
  /** The link from each source to the router: a source for each. */
  readonly sources: readonly LinkShape[];
  /** The link from the router to each client: a client for each. */
  readonly clients: readonly LinkShape[];
  /** What the router may keep; nothing by default. */
  readonly cacheBytes?: number;
  readonly fetchLimits?: FetchLimits;
  readonly mtu?: number;
}

export interface Published {
  readonly cid: Xid;
  readonly bytes: Uint8Array;
}

/** A party of a {@link FetchWorld}: a node in an AD of its own. */
export interface Party {
  readonly node: SimNode;
  readonly ad: Xid;
}

/** Publishers and clients around one router that may have a cache; static routes, and the stacks of production. */
export class FetchWorld {
  readonly network: SimNetwork;
  readonly router: Party;
  readonly sources: readonly Party[];
  readonly clients: readonly Party[];
  readonly #mtu: number;
  readonly #done = new Map<SimNode, Map<number, (bytes: Uint8Array | undefined) => void>>();
  #nextFetch = 1;

  constructor(options: FetchWorldOptions) {
    const { seed, sources, clients, cacheBytes, fetchLimits = {} } = options;
    this.network = new SimNetwork(seed);
    this.#mtu = options.mtu ?? 1472;
    const faces = [...sources.keys(), ...clients.map((_, i) => sources.length + i)].map((i) => `face${i}`);
    this.router = this.#party('router', faces, fetchLimits, cacheBytes);
    this.sources = sources.map((shape, i) => this.#join(`source${i}`, `face${i}`, shape, fetchLimits));
    this.clients = clients.map((shape, i) => this.#join(`client${i}`, `face${sources.length + i}`, shape, fetchLimits));
    for (const { node } of this.clients) {
      const waiting = new Map<number, (bytes: Uint8Array | undefined) => void>();
      this.#done.set(node, waiting);
      node.onEvent = (event) => {
        if (event.layer !== 'fetch') return;
        const settle = waiting.get(event.event.id);
        waiting.delete(event.event.id);
        settle?.(event.event.kind === 'done' ? event.event.bytes : undefined);
      };
    }
    this.network.start();
  }

  /** Publishes random content at some sources. */
  publish(length: number, at: readonly Party[] = this.sources): Published {
    const bytes = this.network.rng.bytes(length);
    const cid = new Xid(PrincipalType.CID, simCrypto.hash(bytes).slice());
    for (const { node } of at) node.enter((now) => node.stack.content.publish(cid.id, bytes, now));
    return { cid, bytes };
  }

  /** The address of a chunk at a source. */
  dag(source: Party, { cid }: Published): Dag {
    return contentDag(source.ad, source.node.stack.hid, cid);
  }

  /** Fetches one chunk; `settle` gets its bytes, or undefined when it failed. */
  fetch(client: Party, chunk: Published, sources: readonly Party[], settle: (bytes: Uint8Array | undefined) => void): number {
    const id = this.#nextFetch++;
    const [dag, ...more] = sources.map((source) => this.dag(source, chunk));
    const { node } = client;
    this.#done.get(node)!.set(id, settle);
    // Not from inside the machine, which may be telling of another chunk just now.
    this.network.queue.at(this.network.now, (now) =>
      node.enter(() => node.stack.fetcher.fetch(dag!, now, { id, length: chunk.bytes.length, sources: more })),
    );
    return id;
  }

  #party(name: string, faces: readonly string[], fetchLimits: FetchLimits, cacheBytes: number | undefined): Party {
    const ad = xidOf(PrincipalType.AD, simIdentity(this.network.rng));
    const node = this.network.add(name, {
      identity: simIdentity(this.network.rng),
      role: { kind: 'router', ad, certificate: new Uint8Array(0) },
      routing: false,
      faces: faces.map((face) => ({ name: face, role: 'peer', mtu: this.#mtu })),
      fetchLimits,
      ...(cacheBytes === undefined ? {} : { cache: { bytes: cacheBytes } }),
    });
    return { node, ad };
  }

  #join(name: string, routerFace: string, shape: LinkShape, fetchLimits: FetchLimits): Party {
    const party = this.#party(name, ['up'], fetchLimits, undefined);
    const { node } = this.router;
    this.network.connect(party.node, 'up', node, routerFace, shape);
    node.stack.addRoute(party.ad, { face: node.stack.faces.byName(routerFace)!, neighbour: 1 });
    this.routeToAll(party);
    return party;
  }

  /** Everything that a party does not know goes to the router. */
  routeToAll(party: Party): void {
    const hop = { face: party.node.stack.faces.byName('up')!, neighbour: 1 };
    for (const { ad } of [this.router, ...this.#joined]) {
      if (!ad.equals(party.ad)) party.node.stack.addRoute(ad, hop);
    }
    for (const other of this.#joined) other.node.stack.addRoute(party.ad, { face: other.node.stack.faces.byName('up')!, neighbour: 1 });
    this.#joined.push(party);
  }

  readonly #joined: Party[] = [];
}

/** Fetches all of some chunks, a few at a time, and compares what comes. */
export class Download {
  readonly #world: FetchWorld;
  readonly #client: Party;
  readonly #sources: readonly Party[];
  readonly #chunks: readonly Published[];
  #next = 0;
  /** Bytes that came and were right. */
  bytes = 0;
  done = 0;
  failed = 0;
  wrong = 0;
  endedAt: number = Number.NaN;

  constructor(world: FetchWorld, client: Party, sources: readonly Party[], chunks: readonly Published[], atOnce: number) {
    this.#world = world;
    this.#client = client;
    this.#sources = sources;
    this.#chunks = chunks;
    for (let i = 0; i < atOnce; i++) this.#more();
  }

  get isOver(): boolean {
    return this.done + this.failed + this.wrong === this.#chunks.length;
  }

  #more(): void {
    const chunk = this.#chunks[this.#next++];
    if (chunk === undefined) return;
    this.#world.fetch(this.#client, chunk, this.#sources, (bytes) => {
      if (bytes === undefined) this.failed++;
      else if (Buffer.compare(bytes, chunk.bytes) === 0) {
        this.done++;
        this.bytes += bytes.length;
      } else this.wrong++;
      this.endedAt = this.#world.network.now;
      this.#more();
    });
  }
}
