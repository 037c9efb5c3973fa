import type { Segment, LinkQuality, NodeOptions, SimulatedNode } from './simulated-network.js';
import { SimulatedNetwork } from './simulated-network.js';

/** A place where a mobile node can be. */
export interface Place {
  readonly name: string;
  readonly segment: Segment;
  readonly accessPoint: SimulatedNode;
  readonly gateway: SimulatedNode;
}

export interface Campus {
  readonly network: SimulatedNetwork;
  readonly routers: readonly SimulatedNode[];
  readonly places: Readonly<Record<string, Place>>;
}

/**
 *     H1a H1b-H1c     H2a H2b
 *       \ /             \ /
 *        R1 --- T1 ----- R2
 *         |      |        |
 *         |     T2 ------ R3 (H3)
 *         |      |
 *         `---- R4 (guests attach to the router itself)
 */
export function campus(seed: number, quality: Partial<LinkQuality> = {}, options: NodeOptions = {}): Campus {
  const network = new SimulatedNetwork(seed);
  const router = (name: string) => network.node(name, 'router', options);
  const routers = [router('R1'), router('R2'), router('R3'), router('R4')];
  const [r1, r2, r3, r4] = routers as [SimulatedNode, SimulatedNode, SimulatedNode, SimulatedNode];
  const t1 = network.node('T1', 'transit', options);
  const t2 = network.node('T2', 'transit', options);
  for (const [a, b] of [
    [r1, t1],
    [t1, r2],
    [t1, t2],
    [t2, r3],
    [t2, r4],
    [r2, r3],
    [r1, r4],
  ] as const) {
    network.connect(a, b, quality);
  }
  network.routeAds();
  const places: Record<string, Place> = {};
  const host = (name: string, parent: SimulatedNode, gateway: SimulatedNode): SimulatedNode => {
    const node = network.node(name, 'host', options);
    const up = network.segment(quality);
    node.join(up, 'uplink');
    parent.join(up, 'access');
    const segment = network.segment(quality);
    node.join(segment, 'access');
    places[name] = { name, segment, accessPoint: node, gateway };
    return node;
  };
  host('H1a', r1, r1);
  const h1b = host('H1b', r1, r1);
  host('H1c', h1b, r1);
  host('H2a', r2, r2);
  host('H2b', r2, r2);
  host('H3', r3, r3);
  const segment = network.segment(quality);
  r4.join(segment, 'access');
  places.R4 = { name: 'R4', segment, accessPoint: r4, gateway: r4 };
  return { network, routers, places };
}

/** A mobile node at a place. */
export function mobile(campusOf: Campus, name: string, place: string, options: NodeOptions = {}): SimulatedNode {
  const node = campusOf.network.node(name, 'application', options);
  node.join(campusOf.places[place]!.segment, 'uplink');
  return node;
}
