import type { Xid } from '../xid/index.js';

/** Nodes that a DAG can have: a node index is 7 bits and 0x7f means "no edge". */
export const MAX_DAG_NODES = 127;
/** Edges that a node, or the source, can have; the first is tried first. */
export const MAX_DAG_EDGES = 4;

/** A node of a DAG. The edges of the sink are those of the source, as on the wire. */
export interface DagNode {
  readonly xid: Xid;
  /** Indices of the next nodes, in the order in which they are tried. */
  readonly edges: readonly number[];
}

/** Edge lists by node index; the list of the sink is empty. */
export interface Graph {
  readonly sourceEdges: readonly number[];
  readonly edges: ReadonlyArray<readonly number[]>;
}

/** A text that follows the grammar; whether its graph is a DAG is not decided yet. */
export interface ParsedGraph extends Graph {
  readonly xids: readonly Xid[];
  /** Where in the text a node, or the edge in one of its slots, is written; node -1 is the source. */
  positionOf(node: number, slot?: number): number;
}

/** Why a graph is not a DAG address. `node` -1 means the source; `slot` is the place in its edge list, if one is to blame. */
export interface GraphFault {
  readonly reason: string;
  readonly node: number;
  readonly slot?: number;
}

/**
 * The canonical order of the nodes, as old indices by new ones, sink last; or why the graph is refused.
 *
 * A topological sort with a stack that begins with the source: take a node off, number it, and go through its edges in
 * priority order, pushing each node whose last unnumbered predecessor this was. The order depends on nothing but the
 * graph and its priorities, so equal addresses have equal bytes.
 */
export function canonicalOrder(graph: Graph): readonly number[] | GraphFault {
  const { sourceEdges, edges } = graph;
  const count = edges.length;
  if (count === 0) return { reason: 'a DAG has at least one node', node: -1 };
  if (count > MAX_DAG_NODES) return { reason: `a DAG has at most ${MAX_DAG_NODES} nodes`, node: MAX_DAG_NODES };
  const fault = localFault(graph);
  if (fault !== undefined) return fault;

  const waiting = edges.map(() => 0);
  for (const to of sourceEdges) waiting[to]!++;
  for (const list of edges) for (const to of list) waiting[to]!++;
  const orphan = waiting.indexOf(0);
  if (orphan >= 0) return { reason: 'no edge leads to this node: a second source', node: orphan };

  const order: number[] = [];
  const stack: number[] = [];
  const release = (list: readonly number[]): void => {
    for (const to of list) if (--waiting[to]! === 0) stack.push(to);
  };
  release(sourceEdges);
  while (stack.length > 0) {
    const node = stack.pop()!;
    order.push(node);
    release(edges[node]!);
  }
  if (order.length < count) {
    return { reason: 'a cycle: the node can be reached from itself', node: nodeOnCycle(edges, waiting) };
  }
  return order;
}

/** Faults that show in one edge list, and the count of sinks. */
function localFault({ sourceEdges, edges }: Graph): GraphFault | undefined {
  if (sourceEdges.length === 0) return { reason: 'the source has no edge', node: -1 };
  const fault = edgeListFault(sourceEdges, -1, edges.length);
  if (fault !== undefined) return fault;
  let sink = -1;
  for (let node = 0; node < edges.length; node++) {
    const list = edges[node]!;
    if (list.length === 0) {
      if (sink >= 0) return { reason: 'a second node without edges: two sinks', node: sink };
      sink = node;
    }
    const inner = edgeListFault(list, node, edges.length);
    if (inner !== undefined) return inner;
  }
  return sink < 0 ? { reason: 'a cycle: every node has an edge, there is no sink', node: 0 } : undefined;
}

function edgeListFault(list: readonly number[], node: number, count: number): GraphFault | undefined {
  if (list.length > MAX_DAG_EDGES) {
    return { reason: `more than ${MAX_DAG_EDGES} edges`, node, slot: MAX_DAG_EDGES };
  }
  for (let slot = 0; slot < list.length; slot++) {
    const to = list[slot]!;
    if (!Number.isInteger(to) || to < 0 || to >= count) {
      return { reason: `a dangling edge: there is no node ${to}, the last one is ${count - 1}`, node, slot };
    }
    if (list.indexOf(to) !== slot) return { reason: `two edges to node ${to}`, node, slot };
  }
  return undefined;
}

/** A node of a cycle: walking back over nodes that still wait for a predecessor must come to one twice. */
function nodeOnCycle(edges: ReadonlyArray<readonly number[]>, waiting: readonly number[]): number {
  const seen = new Set<number>();
  let node = waiting.findIndex((count) => count > 0);
  while (!seen.has(node)) {
    seen.add(node);
    const here = node;
    node = edges.findIndex((list, from) => waiting[from]! > 0 && list.includes(here));
  }
  return node;
}

export function isGraphFault(result: readonly number[] | GraphFault): result is GraphFault {
  return 'reason' in result;
}
