import { join } from 'node:path';
import type { PlannedNode } from './planned-node.js';
import type { Topology } from './topology.js';
import { socketFile, type FaceSockets, type Underlay } from './underlay.js';

type Link = Topology['links'][number];

/** A router's side of one of its links, as its configuration has it. */
export interface PlannedLinkEnd {
  /** The router at the other end. */
  readonly other: string;
  /** Its peer is the other side, or the process that emulates the link. */
  readonly sockets: FaceSockets;
  readonly mtu: number;
  readonly cost: number;
}

/** What a UDP datagram carries in an Ethernet frame: a link with delay and loss of a real one has its packets, too. */
const EMULATED_MTU = 1472;

export function linkPortCount(links: readonly Link[], underlay: Underlay): number {
  return links.reduce((sum, { emulated }) => sum + (emulated !== undefined ? 4 : underlay === 'udp' ? 2 : 0), 0);
}

export interface LinkPlace {
  readonly underlay: Underlay;
  /** A free `ADDRESS:PORT`. */
  readonly nextAddress: () => string;
  readonly socketDir: string;
  readonly logDir: string;
}

/**
 * Gives each link its ports, and each emulated one the process that emulates it. On a UNIX socket the side that the link names first
 * listens, and the other one has it as its peer.
 * @returns the ends by router, and the processes
 */
export function planLinks(
  links: readonly Link[],
  { underlay, nextAddress, socketDir, logDir }: LinkPlace,
): { ends: Map<string, PlannedLinkEnd[]>; nodes: PlannedNode[] } {
  const ends = new Map<string, PlannedLinkEnd[]>();
  const nodes: PlannedNode[] = [];
  const add = (router: string, end: PlannedLinkEnd) => ends.set(router, [...(ends.get(router) ?? []), end]);
  for (const [index, { a, b, mtu, cost, emulated }] of links.entries()) {
    // No node of a topology has such a name.
    const name = `${a}~${b}`;
    if (emulated === undefined && underlay === 'unix') {
      const path = socketFile(socketDir, `${name}.sock`);
      add(a, { other: b, sockets: { unix: { listen: path } }, mtu, cost });
      add(b, { other: a, sockets: { unix: { peers: [path] } }, mtu, cost });
      continue;
    }
    const [atA, atB] = [nextAddress(), nextAddress()];
    if (emulated === undefined) {
      add(a, { other: b, sockets: { udp: { listen: atA, peers: [atB] } }, mtu, cost });
      add(b, { other: a, sockets: { udp: { listen: atB, peers: [atA] } }, mtu, cost });
      continue;
    }
    const [towardsA, towardsB] = [nextAddress(), nextAddress()];
    const end = { mtu: Math.min(mtu, EMULATED_MTU), cost };
    add(a, { other: b, sockets: { udp: { listen: atA, peers: [towardsA] } }, ...end });
    add(b, { other: a, sockets: { udp: { listen: atB, peers: [towardsB] } }, ...end });
    const control = socketFile(socketDir, `${name}.ctl`);
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
