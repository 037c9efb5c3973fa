import { once } from 'node:events';
import type { LoadMark, LoadOrder, Traffic } from './load-messages.js';
import { cpuNsOf, startPart, startRouter, stop, type PathProcess } from './path-process.js';
import type { RelayMode } from './relay.js';
import { writeRouterConfig, type RouterSetup } from './router-config.js';

/** What is between generator and sink. */
export type Middle = { readonly relay: RelayMode } | { readonly router: Omit<RouterSetup, 'sinkPort'> };

export interface PathRun {
  /** Packets that arrived, by a second of CPU time of what is in the middle. */
  readonly packetsPerCpuSecond: number;
  readonly packetsPerSecond: number;
  readonly lostPercent: number;
}

export interface PathRunOptions {
  readonly folder: string;
  readonly middle: Middle;
  readonly traffic: Traffic;
  /** Bytes of a full packet. */
  readonly packetBytes: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

const WINDOW_BYTES = 1_400_000;

/** Sends packets from a generator by a relay or a router to a sink, as many as get through. */
export async function runPath(options: PathRunOptions): Promise<PathRun> {
  const { middle, traffic, packetBytes, warmUpMs, measureMs } = options;
  const parts: PathProcess[] = [];
  const add = async (starting: Promise<PathProcess>): Promise<PathProcess> => {
    const part = await starting;
    parts.push(part);
    return part;
  };
  try {
    const generator = await add(startPart('generator'));
    const sink = await add(startPart('sink', [generator.port, packetBytes]));
    const between = await add(
      'relay' in middle
        ? startPart('relay', [middle.relay, sink.port, packetBytes])
        : startRouter(await writeRouterConfig(options.folder, `router-${generator.port}`, { ...middle.router, sinkPort: sink.port })),
    );
    const windowPackets = Math.max(8, Math.floor(WINDOW_BYTES / packetBytes));
    const order: LoadOrder = { target: between.port, traffic, warmUpMs, measureMs, windowPackets };
    generator.child.send(order);
    const [begin, cpuAtBegin] = await mark(generator, between);
    const [end, cpuAtEnd] = await mark(generator, between);
    const packets = end.received - begin.received;
    const sent = end.sent - begin.sent;
    return {
      packetsPerCpuSecond: (1e9 * packets) / Math.max(1, cpuAtEnd - cpuAtBegin),
      packetsPerSecond: (1000 * packets) / (end.wallMs - begin.wallMs),
      lostPercent: sent === 0 ? 0 : Math.max(0, 100 * (1 - packets / sent)),
    };
  } finally {
    await Promise.all(parts.map(stop));
  }
}

async function mark(generator: PathProcess, between: PathProcess): Promise<[LoadMark, number]> {
  const [message] = (await once(generator.child, 'message')) as [LoadMark];
  return [message, await cpuNsOf(between)];
}
