import { join } from 'node:path';
import type { PlannedNode } from './planned-node.js';
import type { Topology } from './topology.js';

type Link = Topology['links'][number];

/** A router's side of one of its links, as its configuration has it. */
export interface PlannedLinkEnd {
  /** The router at the other end. */
  readonly other: string;
  /** `ADDRESS:PORT` of this side, and of where it sends: the other side, or the process that emulates the link. */
  readonly listen: string;
  readonly peer: string;
  readonly mtu: number;
  readonly cost: number;
}

/** What a UDP datagram carries in an Ethernet frame: a link with delay and loss of a real one has its packets, too. */
const EMULATED_MTU = 1472;

export function linkPortCount(links: readonly Link[]): number {
  return links.reduce((sum, { emulated }) => sum + (emulated === undefined ? 2 : 4), 0);
}

/**
 * Gives each link its ports, and each emulated one the process that emulates it.
 * @returns the ends by router, and the processes
 */
export function planLinks(
  links: readonly Link[],
  { nextAddress, socketDir, logDir }: { readonly nextAddress: () => string; readonly socketDir: string; readonly logDir: string },
): { ends: Map<string, PlannedLinkEnd[]>; nodes: PlannedNode[] } {
  const ends = new Map<string, PlannedLinkEnd[]>();
  const nodes: PlannedNode[] = [];
  const add = (router: string, end: PlannedLinkEnd) => ends.set(router, [...(ends.get(router) ?? []), end]);
  for (const [index, { a, b, mtu, cost, emulated }] of links.entries()) {
    const [atA, atB] = [nextAddress(), nextAddress()];
    if (emulated === undefined) {
      add(a, { other: b, listen: atA, peer: atB, mtu, cost });
      add(b, { other: a, listen: atB, peer: atA, mtu, cost });
      continue;
    }
    const [towardsA, towardsB] = [nextAddress(), nextAddress()];
    const end = { mtu: Math.min(mtu, EMULATED_MTU), cost };
    add(a, { other: b, listen: atA, peer: towardsA, ...end });
    add(b, { other: a, listen: atB, peer: towardsB, ...end });
    // No node of a topology has such a name.
    const name = `${a}~${b}`;
    const control = join(socketDir, `${name}.ctl`);
    const ports = ['--a', atA, '--b', atB, '--listen-a', towardsA, '--listen-b', towardsB];
    nodes.push({
      name,
      kind: 'link',
      ad: '',
      hid: '',
      configFile: '',
      logFile: join(logDir, `${name}.out`),
      control,
      args: ['run', ...ports, '--control', control, '--seed', String(index + 1), '--json', '--set', ...emulated.trim().split(/\s+/)],
      vms: {},
    });
  }
  return { ends, nodes };
}
