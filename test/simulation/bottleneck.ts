import {
  concatBytes,
  LinkModel,
  SeededRandom,
  serviceDag,
  PrincipalType,
  StreamEndpoint,
  Xid,
  xidOf,
  xipHeaderBytes,
  type ConnectionHandle,
  type ConnectionStats,
  type Dag,
  type LinkShape,
  type StreamEndpointOptions,
  type StreamEvent,
} from 'xia-core';
import { EventQueue } from './event-queue.js';
import { simCrypto, simIdentity } from './sim-identity.js';

export interface FlowOptions {
  readonly congestion: StreamEndpointOptions['congestion'];
  readonly startMs?: number;
  /** Stops sending after so many bytes. */
  readonly bytes?: number;
}

export interface BottleneckOptions {
  readonly seed: number;
  readonly there: LinkShape;
  readonly back: LinkShape;
  readonly mtu?: number;
  /** Timers fire at multiples of this, as those of a machine do; 0 exactly. */
  readonly tickMs?: number;
  /** And up to so much later, each by chance, as on a machine that has other work too. */
  readonly lateMs?: number;
  /** Hosts do nothing at all for a while, now and then, as processes that wait for a processor; on average so long, after so long. */
  readonly pauses?: { readonly forMs: number; readonly afterMs: number };
  readonly flows: readonly FlowOptions[];
}

const AD = Xid.of(PrincipalType.AD, 'a'.repeat(40));
const SERVICE = Xid.of(PrincipalType.SID, 'b'.repeat(40));
const CLIENT = Xid.of(PrincipalType.SID, 'c'.repeat(40));
const BUFFER_BYTES = 16 * 1024 * 1024;
const BLOCK = new Uint8Array(262_144);

/** One stream through the bottleneck, from its own host to its own host. */
export class Flow {
  received = 0;
  connection: ConnectionHandle | undefined;
  closedCode: number | undefined;
  #unsent: number;

  constructor(options: FlowOptions) {
    this.#unsent = options.bytes ?? Infinity;
  }

  get stats(): ConnectionStats {
    return this.connection!.stats;
  }

  push(now: number): void {
    const connection = this.connection!;
    while (this.#unsent > 0) {
      const block = this.#unsent < BLOCK.length ? BLOCK.subarray(0, this.#unsent) : BLOCK;
      const taken = connection.write(block, now);
      this.#unsent -= taken;
      if (taken < block.length) return;
    }
    connection.end(now);
  }
}

/** Streams that share one bottleneck, in virtual time: production endpoints at both sides of one simulated link. */
export class Bottleneck {
  readonly queue = new EventQueue();
  readonly there: LinkModel;
  readonly back: LinkModel;
  readonly flows: Flow[] = [];
  readonly #timing: Pick<BottleneckOptions, 'tickMs' | 'lateMs' | 'pauses'>;
  readonly #timingRng: SeededRandom;
  readonly #mtu: number;

  constructor(options: BottleneckOptions) {
    const rng = new SeededRandom(options.seed);
    this.there = new LinkModel(options.there, rng);
    this.back = new LinkModel(options.back, rng);
    this.#timing = options;
    this.#timingRng = new SeededRandom(options.seed + 1);
    this.#mtu = options.mtu ?? 1400;
    for (const flow of options.flows) this.#add(flow, rng);
  }

  get now(): number {
    return this.queue.now;
  }

  runFor(ms: number): void {
    const endMs = this.now + ms;
    this.queue.at(endMs, () => {});
    while (this.queue.next() <= endMs && this.now < endMs) this.queue.step();
  }

  #add(options: FlowOptions, rng: SeededRandom): void {
    const flow = new Flow(options);
    this.flows.push(flow);
    const client = new End(this.queue, new HostClock(this.#timing, this.#timingRng));
    const server = new End(this.queue, new HostClock(this.#timing, this.#timingRng));
    client.peer = server;
    server.peer = client;
    const { congestion } = options;
    const common = { rng, mtu: this.#mtu, ...(congestion === undefined ? {} : { congestion }) };
    client.begin(this.there, common, (event) => {
      if (event.kind === 'connected' || event.kind === 'writable') flow.push(this.now);
      if (event.kind === 'closed') flow.closedCode = event.code;
    });
    server.begin(this.back, common, (event) => {
      if (event.kind !== 'readable') return;
      for (let part = event.connection.read(262_144, this.now); part !== undefined; part = event.connection.read(262_144, this.now)) {
        flow.received += part.length;
      }
    });
    server.endpoint.listen(SERVICE);
    this.queue.at(options.startMs ?? 0, (now) => {
      flow.connection = client.endpoint.connect(server.dag(SERVICE), CLIENT, now);
      client.rearm();
    });
  }
}

/** When a host gets to do what is due. */
class HostClock {
  readonly #tickMs: number;
  readonly #lateMs: number;
  readonly #pauses: BottleneckOptions['pauses'];
  readonly #rng: SeededRandom;
  #pauseMs = 0;
  #wakeMs = 0;

  constructor({ tickMs = 0, lateMs = 0, pauses }: Pick<BottleneckOptions, 'tickMs' | 'lateMs' | 'pauses'>, rng: SeededRandom) {
    this.#tickMs = tickMs;
    this.#lateMs = lateMs;
    this.#pauses = pauses;
    this.#rng = rng;
  }

  /** When a timer fires that is set for `wantedMs`. */
  fireMs(wantedMs: number, now: number): number {
    if (wantedMs === Infinity || wantedMs <= now) return wantedMs;
    const atMs = this.#tickMs > 0 ? Math.ceil(wantedMs / this.#tickMs) * this.#tickMs : wantedMs;
    return this.#lateMs > 0 ? atMs + this.#lateMs * this.#rng.unit() : atMs;
  }

  /** When something is served that happens now. Time must not run backwards. */
  servedMs(now: number): number {
    if (this.#pauses === undefined) return now;
    while (now >= this.#wakeMs) {
      this.#pauseMs = this.#wakeMs + 2 * this.#pauses.afterMs * this.#rng.unit();
      this.#wakeMs = this.#pauseMs + 2 * this.#pauses.forMs * this.#rng.unit();
    }
    return now < this.#pauseMs ? now : this.#wakeMs;
  }
}

/** A host with one endpoint at one side. */
class End {
  endpoint!: StreamEndpoint;
  peer!: End;
  #hid!: Xid;
  /** What the timer was set for, and when it fires. */
  #wantedMs = Infinity;
  #wokenFor = Infinity;
  readonly #queue: EventQueue;
  readonly #clock: HostClock;

  constructor(queue: EventQueue, clock: HostClock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  begin(
    link: LinkModel,
    { rng, mtu, congestion }: { rng: SeededRandom; mtu: number; congestion?: StreamEndpointOptions['congestion'] },
    onEvent: (event: StreamEvent) => void,
  ): void {
    const identity = simIdentity(rng);
    this.#hid = xidOf(PrincipalType.HID, identity);
    this.endpoint = new StreamEndpoint({
      crypto: simCrypto,
      identity,
      rng,
      localDag: (sid) => this.dag(sid),
      mtu: () => mtu,
      limits: { sendBufferBytes: BUFFER_BYTES, receiveWindowBytes: BUFFER_BYTES },
      ...(congestion === undefined ? {} : { congestion }),
      output: ({ destination, source, payload }) => {
        const bytes = concatBytes(...payload);
        const fate = link.pass(bytes.length + xipHeaderBytes(destination, source), this.#queue.now);
        if (fate.dropped !== undefined) return;
        const sid = destination.intent;
        this.#deliver(fate.arrivesMs, bytes, source, sid);
        if (fate.copyArrivesMs !== Infinity) this.#deliver(fate.copyArrivesMs, bytes, source, sid);
      },
      onEvent,
    });
  }

  dag(sid: Xid): Dag {
    return serviceDag(AD, this.#hid, sid);
  }

  rearm(): void {
    const next = this.endpoint.nextTimeout();
    if (next >= this.#wantedMs) return;
    this.#wantedMs = next;
    const atMs = this.#clock.fireMs(next, this.#queue.now);
    if (atMs >= this.#wokenFor) return;
    this.#wokenFor = atMs;
    this.#serveAt(atMs, (now) => {
      if (this.#wokenFor !== atMs) return;
      this.#wokenFor = Infinity;
      this.#wantedMs = Infinity;
      if (this.endpoint.nextTimeout() <= now) this.endpoint.handleTimeout(now);
      this.rearm();
    });
  }

  #deliver(atMs: number, bytes: Uint8Array, source: Dag, sid: Xid): void {
    const { peer } = this;
    peer.#serveAt(atMs, (now) => {
      peer.endpoint.handlePacket(bytes, source, sid, now);
      peer.rearm();
    });
  }

  #serveAt(atMs: number, action: (now: number) => void): void {
    this.#queue.at(atMs, (now) => {
      const servedMs = this.#clock.servedMs(now);
      if (servedMs <= now) action(now);
      else this.#queue.at(servedMs, action);
    });
  }
}
