import fc from 'fast-check';
import { Dag, type DagNode } from '../../../xia-core/src/dag/index.js';
import { Xid } from '../../../xia-core/src/xid/index.js';

export const xid: fc.Arbitrary<Xid> = fc
  .tuple(fc.constantFrom(0x10, 0x11, 0x12, 0x13, 0x14, 0x77), fc.uint8Array({ minLength: 20, maxLength: 20 }))
  .map(([type, id]) => new Xid(type, id));

/** A graph whose edges all lead forwards, with every node on a way from the source to the sink, its nodes then shuffled. */
export const graph: fc.Arbitrary<{ sourceEdges: number[]; nodes: DagNode[] }> = fc
  .integer({ min: 1, max: 12 })
  .chain((count) =>
    fc.record({
      xids: fc.array(xid, { minLength: count, maxLength: count }),
      picks: fc.array(fc.array(fc.nat(100), { maxLength: 3 }), { minLength: count, maxLength: count }),
      order: fc.shuffledSubarray(
        Array.from({ length: count }, (_, i) => i),
        { minLength: count, maxLength: count },
      ),
      nextFirst: fc.array(fc.boolean(), { minLength: count, maxLength: count }),
    }),
  )
  .map(({ xids, picks, order, nextFirst }) => {
    const count = xids.length;
    // Position -1 is the source: each position leads to the next one, and perhaps further on.
    const edgesFrom = (position: number, extra: readonly number[]): number[] => {
      if (position === count - 1) return [];
      const further = extra.map((pick) => position + 1 + (pick % (count - position - 1)));
      const next = position + 1;
      const all = nextFirst[position + 1] === true ? [next, ...further] : [...further, next];
      return [...new Set(all)].map((to) => order[to]!);
    };
    const nodes = Array.from<DagNode>({ length: count });
    for (let position = 0; position < count; position++) {
      nodes[order[position]!] = { xid: xids[position]!, edges: edgesFrom(position, picks[position]!) };
    }
    return { sourceEdges: edgesFrom(-1, picks[0]!), nodes };
  });

export const dag: fc.Arbitrary<Dag> = graph.map(({ sourceEdges, nodes }) => Dag.build(sourceEdges, nodes));
