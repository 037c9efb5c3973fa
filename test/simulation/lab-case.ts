import {
  congestionControllers,
  isLinkPresetName,
  linkPresets,
  parseTopology,
  PrincipalType,
  SeededRandom,
  Xid,
  type CongestionName,
  type LinkPreset,
  type LinkPresetName,
  type LinkShape,
  type Topology,
} from 'xia-core';
import { DgramFlow } from './lab-dgram.js';
import { FetchFlow } from './lab-fetch.js';
import type { Flow } from './lab-flow.js';
import { StreamFlow, type Part } from './lab-stream.js';
import { SimNetwork } from './network.js';
import { StreamRouter } from './stream-pair.js';
import { TopologyNetwork } from './topology-network.js';

/** What is transferred beside each other, by the names of transports. */
export const labFlows = {
  stream: ['stream'],
  fetch: ['fetch'],
  'stream+fetch': ['stream', 'fetch'],
  'two-streams': ['stream', 'stream'],
  dgram: ['dgram'],
} as const;
export type LabTransport = keyof typeof labFlows;
export const labTransports = Object.keys(labFlows) as LabTransport[];
/** Those that promise to deliver everything. */
export const labReliableTransports = labTransports.filter((name) => name !== 'dgram');

/**
 * `small`: some 10 kB each way over one router, everything about it chosen by the seed, when a blackout comes as well; to find
 * bugs. A number: so many bytes towards the client over two routers, as the preset says; to measure.
 */
export type LabSize = 'small' | number;

export const labPresets = Object.keys(linkPresets).filter(isLinkPresetName);
export const labControllers = Object.keys(congestionControllers) as CongestionName[];

/** Everything that happens in a run follows from these. */
export interface LabCase {
  readonly preset: LinkPresetName;
  readonly transport: LabTransport;
  readonly controller: CongestionName;
  readonly seed: number;
  readonly size: LabSize;
}

export interface LabWorld {
  readonly topology: TopologyNetwork;
  /** When the router `r1` stops, and for how long. */
  readonly restart: LinkPreset['restart'];
  /** Of the link from server to client, bytes per second. */
  readonly rate: number;
  readonly flows: readonly Flow[];
  /** The ends of the link that is as the preset says. */
  readonly bottleneck: readonly [string, string];
}

const MTU = 1500;
/** How much of the link datagrams take, their content only. */
const DGRAM_SHARE = 0.5;
const FASTEST = 125_000_000;
/** An opening, and the end of a connection, may have to wait for the longest blackout. */
const STREAM_LIMITS = { openTimeoutMs: 30_000, lingerMs: 20_000 };

function topologyOf(preset: LinkPresetName, size: LabSize): Topology {
  return parseTopology(
    size === 'small'
      ? `router r1 AD1\nhost client\nhost server\nlink client r1 delay=0.05ms\nlink r1 server ${preset}`
      : `router r1 AD1\nrouter r2 AD2\nhost client\nhost server\nlink client r1 delay=0.05ms\nlink r1 r2 ${preset}\nlink r2 server delay=0.05ms`,
  );
}

const topologies = new Map<string, Topology>();

function knownTopology(preset: LinkPresetName, size: LabSize): Topology {
  const key = `${preset} ${size === 'small'}`;
  const known = topologies.get(key) ?? topologyOf(preset, size);
  topologies.set(key, known);
  return known;
}

/** What happens at a time in the preset happens at another one in a small run. */
function shaken(shape: LinkShape, rng: SeededRandom): LinkShape {
  const { blackouts, mtuDrop, delayMs } = shape;
  return {
    ...shape,
    delayMs: delayMs * (0.5 + rng.unit()),
    ...(rng.below(3) === 0 ? { jitterMs: delayMs * rng.unit() } : {}),
    ...(rng.below(4) === 0 ? { duplicate: 0.02 } : {}),
    ...(blackouts === undefined ? {} : { blackouts: blackouts.map(({ forMs }) => ({ atMs: rng.unit() * 200, forMs })) }),
    ...(mtuDrop === undefined ? {} : { mtuDrop: { ...mtuDrop, atMs: rng.unit() * 150 } }),
  };
}

function parts(size: LabSize, rng: SeededRandom): { up: Part; down: Part } {
  if (size !== 'small') {
    const pieceBytes = 65_536;
    return { up: { bytes: 1000, waits: false, pieceBytes }, down: { bytes: size, waits: false, pieceBytes } };
  }
  const whoWaits = rng.below(3);
  const part = (waits: boolean): Part => ({
    bytes: rng.below(rng.below(4) === 0 ? 60_000 : 15_000),
    waits,
    pieceBytes: 1 + rng.below(20_000),
  });
  return { up: part(whoWaits === 1), down: part(whoWaits === 2) };
}

/** Makes the network of a run, and what is to be transferred in it. Nothing has been sent yet. */
export function buildLab({ preset, transport, controller, seed, size }: LabCase): LabWorld {
  const rng = new SeededRandom(seed);
  const network = new SimNetwork(rng.below(0x1_0000_0000));
  network.checksums = true;
  const known = knownTopology(preset, size);
  const links = known.links.map((link) =>
    link.preset === undefined || size !== 'small' ? link : { ...link, there: shaken(link.there, rng), back: shaken(link.back, rng) },
  );
  const hasCache = 'restart' in linkPresets[preset];
  const topology = new TopologyNetwork(
    network,
    { nodes: known.nodes, links },
    {
      ways: 'static',
      mtu: MTU,
      node: (name) => ({
        congestion: controller,
        streamLimits: STREAM_LIMITS,
        ...(hasCache && name === 'r1' ? { cache: { bytes: 4_000_000 } } : {}),
      }),
    },
  );
  const [client, server] = [topology.node('client'), topology.node('server')];
  const routers = { client: new StreamRouter(client), server: new StreamRouter(server) };
  const now = (): number => network.now;
  const sid = (): Xid => new Xid(PrincipalType.SID, rng.bytes(20));
  const { restart, back } = linkPresets[preset] as LinkPreset;
  const { bytesPerSecond = Infinity } = back;
  const flows: Flow[] = [];
  for (const [index, name] of labFlows[transport].entries()) {
    const salt = 10 * index + 1;
    const { up, down } = parts(size, rng);
    if (name === 'stream') flows.push(new StreamFlow({ client, server, routers, up, down, sids: [sid(), sid()], salt, now }));
    else if (name === 'dgram') {
      const { queue } = network;
      const pace = { bytesPerSecond: DGRAM_SHARE * Math.min(bytesPerSecond, FASTEST), now, at: queue.at.bind(queue) };
      flows.push(new DgramFlow({ client, server, sids: [sid(), sid()], bytes: size === 'small' ? 1 + down.bytes : size, salt, ...pace }));
    } else {
      const bytes = size === 'small' ? 1 + down.bytes : size;
      flows.push(new FetchFlow({ client, server, bytes, chunkBytes: size === 'small' ? 1000 + rng.below(30_000) : 250_000, salt, now }));
    }
  }
  const restarts = restart === undefined || size !== 'small' ? restart : { atMs: rng.unit() * 200, forMs: 20 + rng.unit() * 400 };
  return { topology, restart: restarts, rate: bytesPerSecond, flows, bottleneck: ['r1', size === 'small' ? 'server' : 'r2'] };
}
