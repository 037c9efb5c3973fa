import type { DagNode } from './graph.js';
import { MAX_DAG_EDGES } from './graph.js';

/** `DAG 1 0 - AD:… 1 - HID:…` on one line; a list of four edges has no dash, as Click requires. */
export function dagText(nodes: readonly DagNode[]): string {
  const sink = nodes.length - 1;
  const words = ['DAG'];
  let edges = nodes[sink]!.edges;
  for (const node of nodes) {
    words.push(...edges.map(String));
    if (edges.length < MAX_DAG_EDGES) words.push('-');
    words.push(node.xid.toString());
    edges = node.edges;
  }
  return words.join(' ');
}

/**
 * `RE ( AD:… ) HID:… SID:…`, or null when the graph is not a path of primary nodes where each may be protected by a chain
 * of fallback nodes that all try it first.
 */
export function reText(nodes: readonly DagNode[]): string | null {
  const sink = nodes.length - 1;
  const words = ['RE'];
  let said = 0;
  const say = (index: number): void => {
    words.push(nodes[index]!.xid.toString());
    said++;
  };
  let at = sink;
  do {
    const [primary, fallback, ...more] = nodes[at]!.edges;
    if (primary === undefined || more.length > 0) return null;
    if (fallback !== undefined) {
      words.push('(');
      let next: number | undefined = fallback;
      while (next !== undefined) {
        // A fallback that is the sink or the primary itself has other edges than its place in the chain asks for.
        if (next === sink || next === primary) return null;
        say(next);
        const edges: readonly number[] = nodes[next]!.edges;
        if (edges[0] !== primary || edges.length > 2) return null;
        next = edges[1];
      }
      words.push(')');
    }
    say(primary);
    at = primary;
  } while (at !== sink);
  return said === nodes.length ? words.join(' ') : null;
}
