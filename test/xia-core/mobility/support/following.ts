import type { BindingEntry } from '../../../../xia-core/src/mobility/binding-entry.js';
import type { Xid } from '../../../../xia-core/src/xid/index.js';
import type { SimulatedNetwork, SimulatedNode } from './simulated-network.js';

const MAX_HOPS = 64;

/**
 * Where a packet for `target` ends that `start` sends to `ad`, by the routes there are now: at each node the HID first,
 * then the AD, and from a host upwards. Returns the names of the nodes on the way.
 */
export function follow(network: SimulatedNetwork, start: SimulatedNode, target: SimulatedNode, ad: Xid): string[] {
  const way = [start.name];
  let node = start;
  while (node !== target && way.length < MAX_HOPS) {
    const isGateway = node.role === 'router' && node.ad.equals(ad);
    const hop = node.routes.get(target.hid.key) ?? (isGateway ? undefined : (node.adRoutes.get(ad.key) ?? node.mobility.attachment?.hop));
    const next = hop && network.neighbour(node, hop);
    if (next === undefined) return [...way, 'nowhere'];
    way.push(next.name);
    node = next;
  }
  return way;
}

/** The nodes that follow the newest sequence of `target`, each with the node that it points to. */
function newestChain(network: SimulatedNetwork, target: SimulatedNode): Map<SimulatedNode, SimulatedNode | undefined> {
  const entries = network.nodes
    .map((node) => ({ node, entry: entryOf(node, target) }))
    .filter((item): item is { node: SimulatedNode; entry: Readonly<BindingEntry> } => item.entry !== undefined);
  const newest = Math.max(0, ...entries.map(({ entry }) => sequenceOf(entry)));
  const chain = new Map<SimulatedNode, SimulatedNode | undefined>();
  for (const { node, entry } of entries) {
    const hop = node.routes.get(target.hid.key);
    if (sequenceOf(entry) === newest && hop !== undefined) chain.set(node, network.neighbour(node, hop));
  }
  return chain;
}

/** The name of a node from which the newest next hops go round in a circle; undefined when there is none. */
export function findLoop(network: SimulatedNetwork, target: SimulatedNode): string | undefined {
  const chain = newestChain(network, target);
  for (const start of chain.keys()) {
    const seen = new Set<SimulatedNode>();
    let node: SimulatedNode | undefined = start;
    while (node !== undefined && chain.has(node)) {
      if (seen.has(node)) return node.name;
      seen.add(node);
      node = chain.get(node);
    }
  }
  return undefined;
}

export function entryOf(node: SimulatedNode, target: SimulatedNode): Readonly<BindingEntry> | undefined {
  for (const entry of node.mobility.bindings()) if (entry.hid.equals(target.hid)) return entry;
  return undefined;
}

function sequenceOf(entry: Readonly<BindingEntry>): number {
  return Math.max(entry.sequence, entry.tentative?.binding.sequence ?? 0);
}
