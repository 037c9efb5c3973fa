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
  readonly #tickMs: number;
  readonly #mtu: number;

  constructor(options: BottleneckOptions) {
    const rng = new SeededRandom(options.seed);
    this.there = new LinkModel(options.there, rng);
    this.back = new LinkModel(options.back, rng);
    this.#tickMs = options.tickMs ?? 0;
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
    const client = new End(this.queue, this.#tickMs);
    const server = new End(this.queue, this.#tickMs);
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

/** A host with one endpoint at one side. */
class End {
  endpoint!: StreamEndpoint;
  peer!: End;
  #hid!: Xid;
  #wokenFor = Infinity;
  readonly #queue: EventQueue;
  readonly #tickMs: number;

  constructor(queue: EventQueue, tickMs: number) {
    this.#queue = queue;
    this.#tickMs = tickMs;
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
    const atMs = this.#tickMs > 0 && next !== Infinity ? Math.ceil(next / this.#tickMs) * this.#tickMs : next;
    if (atMs >= this.#wokenFor) return;
    this.#wokenFor = atMs;
    this.#queue.at(atMs, (now) => {
      if (this.#wokenFor !== atMs) return;
      this.#wokenFor = Infinity;
      if (this.endpoint.nextTimeout() <= now) this.endpoint.handleTimeout(now);
      this.rearm();
    });
  }

  #deliver(atMs: number, bytes: Uint8Array, source: Dag, sid: Xid): void {
    const { peer } = this;
    this.#queue.at(atMs, (now) => {
      peer.endpoint.handlePacket(bytes, source, sid, now);
      peer.rearm();
    });
  }
}
