import { Dag, MAX_DAG_EDGES } from '../dag/index.js';
import type { Xid } from '../xid/index.js';

/**
 * The address that a chunk is answered from: the node's own with the CID behind it, and the CID as another first edge. It is
 * what the C++ prototype writes: `DAG 0 2 - AD 1 - HID 2 - CID`.
 * @param local the node's address, ending in its HID
 */
export function responderDag(local: Dag, cid: Xid): Dag {
  const nodes = local.nodes;
  const sink = nodes.length - 1;
  const way = nodes.map(({ xid, edges }, i) => ({ xid, edges: i === sink ? [nodes.length] : edges }));
  const sourceEdges = nodes[sink]!.edges.slice(0, MAX_DAG_EDGES - 1);
  return Dag.build([...sourceEdges, nodes.length], [...way, { xid: cid, edges: [] }]);
}
