import { Dag } from '../dag/index.js';

/**
 * The same address without short cuts to its sink: whatever has another way keeps only that way. A request for content that
 * is sent to it names the CID behind the host that publishes it, so no cache before that host is asked. An address
 * that has no way but the short cut stays as it is.
 */
export function originDag(dag: Dag): Dag {
  const nodes = dag.nodes;
  const sink = nodes.length - 1;
  const detour = (edges: readonly number[]): readonly number[] => {
    const others = edges.filter((to) => to !== sink);
    return others.length > 0 ? others : edges;
  };
  const ways = nodes.map(({ xid, edges }, i) => ({ xid, edges: i === sink ? [] : detour(edges) }));
  return Dag.build(detour(nodes[sink]!.edges), ways);
}
