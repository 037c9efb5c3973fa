import { linkDropReasons, type LinkCounters } from 'xia-core';
import { imbalances } from './accounts.js';
import { DgramFlow, type DgramTally } from './lab-dgram.js';
import { buildLab, type LabCase, type LabWorld } from './lab-case.js';

/** What came of a run. Shares are 0 to 1. */
export interface LabResult {
  /** What went wrong, in words; undefined when every byte was right at both ends, all ended in good order and no packet is unaccounted for. */
  readonly fault: string | undefined;
  /** Virtual time until the last byte had arrived. */
  readonly virtualMs: number;
  readonly goodputBytesPerSecond: number;
  /** Of what the link carries from server to client. */
  readonly share: number;
  /** Content bytes sent again, of those sent. */
  readonly resentShare: number;
  /** Jain's index of what each flow had when the first was complete: 1 is even, 1/n all for one. */
  readonly fairness: number;
  readonly queueMaxBytes: number;
  /** Of datagrams only. */
  readonly tally: DgramTally | undefined;
  /** Packets that the link between the ends lost, flipped a bit of, held back or doubled, and those that a stopped router lost. */
  readonly harmed: number;
}

const LIMIT_MS = 600_000;

/** The command that runs a case again. */
export function replayLine({ preset, transport, controller, seed, size }: LabCase): string {
  return `npm run simulate -- --preset ${preset} --transport ${transport} --controller ${controller} --size ${size} --seed ${seed}`;
}

/** @param watch is given the world before anything happens in it */
export function runLab(what: LabCase, watch: (world: LabWorld) => void = () => {}): LabResult {
  const world = buildLab(what);
  const { topology, flows, bottleneck, restart, rate } = world;
  const { network } = topology;
  watch(world);
  topology.settle();
  if (restart !== undefined) planRestart(world, restart);
  for (const flow of flows) flow.start();
  let whenFirst: number[] | undefined;
  const hasFirst = (): boolean => flows.some(({ completeAtMs }) => completeAtMs !== undefined);
  network.runUntil(() => {
    if (whenFirst === undefined && hasFirst()) whenFirst = flows.map(({ deliveredBytes }) => deliveredBytes);
    return flows.every(({ isOver }) => isOver);
  }, LIMIT_MS);
  const [sent, resent] = flows.reduce(([all, again], { sentAndResent: [one, two] }) => [all + one, again + two], [0, 0]);
  const virtualMs = Math.max(0, ...flows.map(({ completeAtMs }) => completeAtMs ?? Infinity));
  const goodputBytesPerSecond = flows.reduce((sum, { totalBytes }) => sum + totalBytes, 0) / (virtualMs / 1000);
  const { ways } = topology.link(...bottleneck);
  return {
    fault: faultOf(world),
    virtualMs,
    goodputBytesPerSecond,
    share: goodputBytesPerSecond / rate,
    resentShare: sent === 0 ? 0 : resent / sent,
    fairness: jain(whenFirst ?? []),
    queueMaxBytes: Math.max(...ways.map(({ queueMaxBytes }) => queueMaxBytes)),
    tally: flows.find((flow) => flow instanceof DgramFlow)?.tally,
    harmed: ways.reduce((sum, { counters }) => sum + harmOf(counters), network.undelivered),
  };
}

function planRestart({ topology }: LabWorld, { atMs, forMs }: { readonly atMs: number; readonly forMs: number }): void {
  const { queue } = topology.network;
  queue.at(atMs, () => topology.node('r1').pause());
  queue.at(atMs + forMs, () => void topology.restart('r1'));
}

function faultOf({ flows, topology }: LabWorld): string | undefined {
  for (const [index, flow] of flows.entries()) {
    const fault = flow.fault();
    if (fault !== undefined) return `${flow.name} ${index + 1}: ${fault}`;
  }
  for (const { name, stack } of topology.network.nodes) {
    const [wrong] = imbalances(stack.counters());
    if (wrong !== undefined) return `packets of ${name}: ${wrong}`;
    if (stack.streams.size > 0) return `${name} keeps ${stack.streams.size} streams`;
    if (stack.fetcher.size > 0) return `${name} keeps ${stack.fetcher.size} fetches`;
  }
  return undefined;
}

function harmOf(counters: LinkCounters): number {
  const lost = linkDropReasons.reduce((sum, reason) => sum + counters[reason], 0);
  return lost + counters.corrupted + counters.reordered + counters.duplicated;
}

function jain(values: readonly number[]): number {
  const sum = values.reduce((all, value) => all + value, 0);
  const squares = values.reduce((all, value) => all + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}
