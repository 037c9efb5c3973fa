import { MAX_DAG_EDGES, MAX_DAG_NODES } from '../dag/index.js';
import type { XipView } from '../wire/index.js';

/** What {@link GraphCheck.check} finds. */
export const GraphShape = { ACYCLIC: 0, CYCLE: 1, TWO_SINKS: 2, NO_SOURCE_EDGE: 3 } as const;
export type GraphShape = (typeof GraphShape)[keyof typeof GraphShape];

/**
 * Looks over the destination graph of a packet before it is walked: a cycle would be walked for ever by nodes that own
 * everything on it, and a node without edges that is not the last one can never arrive.
 *
 * Edges that all lead to higher indices, as in canonical order, cannot make a cycle: one pass tells. Only a graph in
 * another order is sorted, in scratch memory that is kept. Edge indices were checked when the view was set.
 */
export class GraphCheck {
  readonly #waiting = new Uint16Array(MAX_DAG_NODES);
  readonly #stack = new Uint8Array(MAX_DAG_NODES);

  check(view: XipView): GraphShape {
    const sink = view.destinationCount - 1;
    if (view.edge(sink, 0) < 0) return GraphShape.NO_SOURCE_EDGE;
    let ascending = true;
    for (let node = 0; node < sink; node++) {
      let slot = 0;
      for (; slot < MAX_DAG_EDGES; slot++) {
        const to = view.edge(node, slot);
        if (to < 0) break;
        if (to <= node) ascending = false;
      }
      if (slot === 0) return GraphShape.TWO_SINKS;
    }
    return ascending || this.#sorts(view, sink) ? GraphShape.ACYCLIC : GraphShape.CYCLE;
  }

  /** Whether the nodes before the sink have a topological order. */
  #sorts(view: XipView, sink: number): boolean {
    const waiting = this.#waiting.fill(0);
    for (let node = 0; node < sink; node++) this.#count(view, node);
    let depth = 0;
    for (let node = 0; node < sink; node++) if (waiting[node] === 0) this.#stack[depth++] = node;
    let sorted = 0;
    while (depth > 0) {
      const node = this.#stack[--depth]!;
      sorted++;
      for (let slot = 0; slot < MAX_DAG_EDGES; slot++) {
        const to = view.edge(node, slot);
        if (to < 0) break;
        const left = waiting[to]! - 1;
        waiting[to] = left;
        if (left === 0 && to !== sink) this.#stack[depth++] = to;
      }
    }
    return sorted === sink;
  }

  #count(view: XipView, node: number): void {
    for (let slot = 0; slot < MAX_DAG_EDGES; slot++) {
      const to = view.edge(node, slot);
      if (to < 0) break;
      this.#waiting[to] = this.#waiting[to]! + 1;
    }
  }
}
