import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  concatBytes,
  generateIdentity,
  MemoryFace,
  nodeCrypto,
  PrincipalType,
  sealCertificate,
  SeededRandom,
  serviceDag,
  StreamEndpoint,
  Xid,
  XiaNode,
  xidOf,
  type Dag,
  type OutgoingPacket,
  type XiaStream,
} from 'xia-core';

const SERVICE = Xid.of(PrincipalType.SID, '1d'.repeat(20));
const CLIENT = Xid.of(PrincipalType.SID, '2d'.repeat(20));
const LINK_MS = 1;
/** What each connection says before it falls idle, in each direction. */
const SAID_BYTES = 3000;
const OPENING_AT_ONCE = 32;
const DAY_MS = 86_400_000;

/** What an idle connection costs one of its ends. */
export interface IdleConnectionCost {
  readonly connections: number;
  /** Of the JavaScript heap and of buffers beside it. */
  readonly bytes: number;
  /** What the process grew by, which counts what C++ keeps as well. */
  readonly residentBytes: number;
}

/** What the timers of many idle connections cost, in virtual time. */
export interface IdleTimers {
  readonly connections: number;
  /** Times that the process was woken by its next deadline, a second. */
  readonly wakeUpsPerSecond: number;
  readonly packetsPerSecond: number;
}

let collector: (() => void) | undefined;

/** What this process uses once everything that nobody needs is collected. */
export function usedBytes(): { readonly bytes: number; readonly residentBytes: number } {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as () => void;
  }
  // Buffers are let go by the collection after that of their owners.
  for (let times = 0; times < 3; times++) collector();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { bytes: heapUsed + external, residentBytes: rss };
}

function costOf(connections: number, before: ReturnType<typeof usedBytes>): IdleConnectionCost {
  const after = usedBytes();
  const perEnd = (bytes: number): number => Math.round(bytes / (2 * connections));
  return {
    connections,
    bytes: perEnd(after.bytes - before.bytes),
    residentBytes: perEnd(after.residentBytes - before.residentBytes),
  };
}

/** Two endpoints with a link of {@link LINK_MS} between them, in virtual time. */
class EndpointPair {
  now = 0;
  wakeUps = 0;
  packets = 0;
  readonly endpoints: readonly [StreamEndpoint, StreamEndpoint];
  readonly #dags: readonly [(sid: Xid) => Dag, (sid: Xid) => Dag];
  #underWay: { readonly atMs: number; readonly to: number; readonly packet: OutgoingPacket }[] = [];

  constructor(connections: number) {
    const identities = [generateIdentity(), generateIdentity()] as const;
    const dagOf = (side: 0 | 1) => (sid: Xid) =>
      serviceDag(Xid.of(PrincipalType.AD, 'ad'.repeat(20)), xidOf(PrincipalType.HID, identities[side]), sid);
    this.#dags = [dagOf(0), dagOf(1)];
    const make = (side: 0 | 1): StreamEndpoint =>
      new StreamEndpoint({
        crypto: nodeCrypto,
        identity: identities[side],
        rng: new SeededRandom(side + 1),
        localDag: this.#dags[side],
        mtu: () => 1500,
        output: (packet) => {
          this.packets++;
          this.#underWay.push({ atMs: this.now + LINK_MS, to: 1 - side, packet });
        },
        onEvent: ({ kind, connection }) => {
          if (kind === 'connected' || kind === 'accepted') connection.write(new Uint8Array(SAID_BYTES), this.now);
          if (kind === 'readable') while (connection.read(SAID_BYTES, this.now) !== undefined);
        },
        limits: { maxConnections: connections, maxHalfOpen: connections },
      });
    this.endpoints = [make(0), make(1)];
    this.endpoints[1].listen(SERVICE, { backlog: connections });
  }

  connect(): void {
    this.endpoints[0].connect(this.#dags[1](SERVICE), CLIENT, this.now);
  }

  runUntil(endMs: number): void {
    while (true) {
      const timeouts = this.endpoints.map((endpoint) => endpoint.nextTimeout());
      const next = Math.min(...timeouts, this.#underWay[0]?.atMs ?? Infinity);
      if (next > endMs) break;
      this.now = Math.max(this.now, next);
      this.#deliver();
      // The clock wakes a process at whole milliseconds; all that is due by then is done at once.
      for (const endpoint of this.endpoints) {
        if (endpoint.nextTimeout() > this.now) continue;
        this.wakeUps++;
        endpoint.handleTimeout(this.now);
      }
    }
    this.now = endMs;
  }

  #deliver(): void {
    const due = this.#underWay.filter(({ atMs }) => atMs <= this.now);
    this.#underWay = this.#underWay.slice(due.length);
    for (const { to, packet } of due) {
      const { payload, source, destination } = packet;
      this.endpoints[to]!.handlePacket(concatBytes(...payload), source, destination.intent, this.now);
    }
  }
}

/** STREAM connections alone, without a node around them. They have carried a few packets each way before they fell idle. */
export function measureIdleEndpoints(connections: number): IdleConnectionCost & { readonly timers: IdleTimers } {
  const pair = new EndpointPair(connections);
  const before = usedBytes();
  // Over a while, as they come in life: they must not be due together because they began together.
  for (let index = 0; index < connections; index++) {
    pair.connect();
    pair.runUntil((index * 15_000) / connections);
  }
  pair.runUntil(120_000);
  const open = [...pair.endpoints[0].connections()].filter(({ state }) => state === 'open').length;
  if (open !== connections) throw new Error(`${open} of ${connections} connections are open`);
  const cost = costOf(connections, before);
  const watchedMs = 300_000;
  pair.wakeUps = 0;
  pair.packets = 0;
  pair.runUntil(pair.now + watchedMs);
  const perSecond = (count: number): number => count / (watchedMs / 1000);
  const timers = { connections, wakeUpsPerSecond: perSecond(pair.wakeUps) / 2, packetsPerSecond: perSecond(pair.packets) };
  return { ...cost, timers };
}

/** A router and an application in this process, joined by memory. */
async function nodePair(connections: number): Promise<{ readonly client: XiaNode; readonly server: XiaNode }> {
  const [adIdentity, identity] = [generateIdentity(), generateIdentity()];
  const ad = xidOf(PrincipalType.AD, adIdentity);
  const hid = xidOf(PrincipalType.HID, identity);
  const certificate = sealCertificate({ ad, hid, notBefore: 0, notAfter: Date.now() + DAY_MS }, adIdentity);
  const [here, there] = [new MemoryFace({ name: 'access', role: 'access' }), new MemoryFace({ name: 'host', role: 'uplink' })];
  const streamLimits = { maxConnections: connections };
  const faceOf = (face: MemoryFace) => ({ name: face.name, role: face.role, face });
  const router = { certificate, beacon: { intervalMs: 50 } };
  const server = await XiaNode.start({ identity, role: 'router', router, streamLimits, faces: [faceOf(here)] });
  MemoryFace.connect(here, there);
  return { server, client: await XiaNode.start({ streamLimits, faces: [faceOf(there)] }) };
}

/** Says something each way, and hears it. */
async function exchange(a: XiaStream, b: XiaStream): Promise<void> {
  const heard = [a, b].map(
    (stream) =>
      new Promise<void>((resolve, reject) => {
        let left = SAID_BYTES;
        stream.on('error', reject);
        stream.on('data', (bytes: Uint8Array) => {
          left -= bytes.length;
          if (left === 0) resolve();
        });
      }),
  );
  a.write(new Uint8Array(SAID_BYTES));
  b.write(new Uint8Array(SAID_BYTES));
  await Promise.all(heard);
}

/** One stream, by both of its ends. */
export interface StreamPair {
  readonly ours: XiaStream;
  readonly theirs: XiaStream;
}

/** Two nodes of this process that streams may be opened between; disposing of it ends them all. */
export interface StreamWorld extends AsyncDisposable {
  readonly open: () => Promise<StreamPair>;
}

/** @param connections how many will be opened */
export async function streamWorld(connections: number, secure: boolean): Promise<StreamWorld> {
  const { client, server } = await nodePair(connections);
  const listening = await server.listen(SERVICE, { secure, backlog: 4 * OPENING_AT_ONCE });
  const streams: XiaStream[] = [];
  const open = async (): Promise<StreamPair> => {
    const [ours, theirs] = await Promise.all([client.connect(listening.dag, { secure }), listening.accept()]);
    streams.push(ours, theirs!);
    return { ours, theirs: theirs! };
  };
  const dispose = async (): Promise<void> => {
    for (const stream of streams) stream.on('error', () => {}).destroy();
    await listening.close();
    await client.close();
    await server.close();
  };
  return { open, [Symbol.asyncDispose]: dispose };
}

/** Opens so many streams, a few at a time. Of those opened together it is open which two ends are of one stream. */
export async function openStreams({ open }: StreamWorld, connections: number): Promise<StreamPair[]> {
  const pairs: StreamPair[] = [];
  for (let made = 0; made < connections; made += OPENING_AT_ONCE) {
    pairs.push(...(await Promise.all(Array.from({ length: Math.min(OPENING_AT_ONCE, connections - made) }, open))));
  }
  return pairs;
}

/** Streams of two nodes in this process, in the clear or secure. */
export async function measureIdleStreams(connections: number, secure: boolean): Promise<IdleConnectionCost> {
  await using world = await streamWorld(connections + 1, secure);
  const first = await world.open(); // what is made once is not counted
  await exchange(first.ours, first.theirs);
  const before = usedBytes();
  const pairs = await openStreams(world, connections);
  // Whom a stream was accepted from is its peer's matter: all say the same.
  await Promise.all(pairs.map(async ({ ours, theirs }) => exchange(ours, theirs)));
  await new Promise((resolve) => setTimeout(resolve, 200));
  return costOf(connections, before);
}
