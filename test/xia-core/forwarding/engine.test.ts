import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dag, hostDag, linkLocalDag, serviceDag } from '../../../xia-core/src/dag/index.js';
import {
  BROADCAST_FACE,
  Disposition,
  ForwardingEngine,
  FROM_FACE,
  FROM_SELF,
  LOCAL_FACE,
  NO_FACE,
  Reason,
} from '../../../xia-core/src/forwarding/index.js';
import { encodeXip, NextHeader, XipView } from '../../../xia-core/src/wire/index.js';
import { BROADCAST_HID, PrincipalType, SID_BOOTSTRAP, Xid } from '../../../xia-core/src/xid/index.js';

const xid = (type: keyof typeof PrincipalType, byte: string): Xid => Xid.of(PrincipalType[type], byte.repeat(20));
const AD = xid('AD', '1a');
const OTHER_AD = xid('AD', '1b');
const HID = xid('HID', '2a');
const SELF = xid('HID', '2b');
const SID = xid('SID', '3a');
const CID = xid('CID', '4a');

function packet(destination: Dag, hopLimit?: number): XipView {
  const view = new XipView();
  const bytes = encodeXip({
    nextHeader: NextHeader.NONE,
    destination,
    source: hostDag(AD, HID),
    payload: new Uint8Array(8),
    ...(hopLimit === undefined ? {} : { hopLimit }),
  });
  expect(view.reset(bytes)).toBeUndefined();
  return view;
}

const names = Object.fromEntries(Object.entries(Disposition).map(([name, value]) => [value, name]));

/** Forwards and says what came of it, and which edges are marked visited. */
function outcome(engine: ForwardingEngine, view: XipView, origin = false): unknown[] {
  const disposition = engine.forward(view, 9, origin ? FROM_SELF : FROM_FACE);
  return [names[disposition], ...(disposition === Disposition.FORWARD ? [engine.outFace, engine.outNeighbour] : [])];
}

function visited(view: XipView): string[] {
  const marks: string[] = [];
  for (let node = 0; node < view.destinationCount; node++) {
    for (let slot = 0; slot < 4; slot++) if (view.isVisited(node, slot)) marks.push(`${node}.${slot}`);
  }
  return marks;
}

describe('the walk over the graph', () => {
  it('sends by the first edge that has a route and leaves all but the hop limit alone', () => {
    const engine = new ForwardingEngine();
    engine.route(AD, { face: 3, neighbour: 7 });
    const view = packet(Dag.parse(`RE ( ${AD} ${HID} ) ${CID}`));
    const before = view.bytes.slice();
    expect(outcome(engine, view)).toEqual(['FORWARD', 3, 7]);
    before[4] = 249;
    expect(view.bytes).toEqual(before);
  });

  it('follows the example seen on the prototype: the owner of the AD misses the CID and moves on to the HID', () => {
    const engine = new ForwardingEngine();
    engine.setLocal(AD);
    engine.route(HID, { face: 1, neighbour: 0 });
    const view = packet(Dag.parse(`RE ( ${AD} ${HID} ) ${CID}`));
    expect(outcome(engine, view)).toEqual(['FORWARD', 1, 0]);
    expect([view.last, visited(view)]).toEqual([0, ['2.1']]);
    const host = new ForwardingEngine();
    host.setLocal(HID);
    host.setLocal(CID);
    expect(outcome(host, view)).toEqual(['DELIVER']);
    // The CID is tried first from the AD, where the packet is, so the HID is never needed.
    expect([view.last, visited(view)]).toEqual([2, ['0.0', '2.1']]);
  });

  describe('at a host, which knows a way by default', () => {
    const host = (): ForwardingEngine => {
      const engine = new ForwardingEngine();
      engine.setLocal(AD);
      engine.setLocal(SELF);
      for (const type of [PrincipalType.AD, PrincipalType.HID, PrincipalType.SID]) engine.table(type).setDefault(4, 2);
      return engine;
    };

    it.each([true, false])('leaves it to the router to say that a packet has reached the AD (from itself: %s)', (origin) => {
      const view = packet(hostDag(AD, HID));
      const before = view.bytes.slice();
      expect(outcome(host(), view, origin)).toEqual(['FORWARD', 4, 2]);
      before[4] = view.hopLimit;
      expect([view.last, view.bytes]).toEqual([-1, before]);
    });

    it('says so of what it knows a way for itself', () => {
      const engine = host();
      engine.route(HID, { face: 1, neighbour: 3 });
      const view = packet(hostDag(AD, HID));
      expect(outcome(engine, view, true)).toEqual(['FORWARD', 1, 3]);
      expect([view.last, visited(view)]).toEqual([0, ['1.0']]);
      const own = packet(hostDag(AD, SELF));
      expect(outcome(engine, own, true)).toEqual(['DELIVER']);
      const elsewhere = host();
      elsewhere.table(PrincipalType.HID).setDefault(5, 0);
      const other = packet(hostDag(AD, HID));
      expect(outcome(elsewhere, other, true)).toEqual(['FORWARD', 5, 0]);
      expect(other.last).toBe(0);
    });

    it('keeps the marks of what the packet passed before', () => {
      const view = packet(Dag.parse(`RE ${OTHER_AD} ${AD} ${HID}`));
      const engine = host();
      engine.setLocal(OTHER_AD);
      expect(outcome(engine, view)).toEqual(['FORWARD', 4, 2]);
      expect([view.last, visited(view)]).toEqual([0, ['2.0']]);
    });
  });

  it('passes over types without a table, which is what the fallback is for', () => {
    const engine = new ForwardingEngine();
    engine.route(AD, { face: 2, neighbour: 0 });
    const strange = new Xid(0x50, new Uint8Array(20));
    const view = packet(Dag.parse(`DAG 1 0 - ${AD} 1 - ${strange}`));
    expect(outcome(engine, view)).toEqual(['FORWARD', 2, 0]);
    engine.addPrincipal(0x50);
    engine.route(strange, { face: 4, neighbour: 1 });
    expect(outcome(engine, view)).toEqual(['FORWARD', 4, 1]);
    engine.addPrincipal(0x12345678);
    expect(engine.types()).toEqual([0x10, 0x11, 0x12, 0x13, 0x14, 0x50, 0x12345678]);
  });

  it('delivers at a service of ours even when it is not the sink', () => {
    const engine = new ForwardingEngine();
    engine.setLocal(AD);
    engine.setLocal(SID);
    const view = packet(Dag.parse(`RE ${AD} ${SID} ${HID}`));
    expect(outcome(engine, view)).toEqual(['DELIVER']);
    expect(view.nodeType(view.last)).toBe(PrincipalType.SID);
  });

  it('does not step over nodes: a match further down is not looked for', () => {
    const engine = new ForwardingEngine();
    engine.setLocal(SID);
    expect(outcome(engine, packet(serviceDag(AD, HID, SID)))).toEqual(['UNREACHABLE']);
    expect(engine.reason).toBe(Reason.NO_ROUTE);
  });

  it('uses the default of a type after its entries', () => {
    const engine = new ForwardingEngine();
    engine.table(PrincipalType.AD).setDefault(1, 5);
    engine.route(OTHER_AD, { face: 2, neighbour: 6 });
    expect(outcome(engine, packet(hostDag(AD, HID)))).toEqual(['FORWARD', 1, 5]);
    expect(outcome(engine, packet(hostDag(OTHER_AD, HID)))).toEqual(['FORWARD', 2, 6]);
  });

  it('stops at the first unused slot', () => {
    const engine = new ForwardingEngine();
    engine.setLocal(HID);
    const view = packet(Dag.parse(`DAG 1 0 - ${AD} 1 - ${HID}`));
    // Source edges "HID, AD" become "AD, unused, HID".
    const sink = 8 + 28 + 24;
    view.bytes.set([0, 0x7f, 1, 0x7f], sink);
    expect(outcome(engine, view)).toEqual(['UNREACHABLE']);
  });

  it('takes a packet up again where it got to', () => {
    const engine = new ForwardingEngine();
    engine.route(HID, { face: 1, neighbour: 1 });
    const view = packet(hostDag(AD, HID));
    expect(outcome(engine, view)).toEqual(['UNREACHABLE']);
    view.setLast(0);
    expect(outcome(engine, view)).toEqual(['FORWARD', 1, 1]);
  });
});

describe('hop limit', () => {
  it('is taken down in transit, not by the origin', () => {
    const engine = new ForwardingEngine();
    engine.route(AD, { face: 0, neighbour: 0 });
    const own = packet(hostDag(AD, HID), 5);
    outcome(engine, own, true);
    expect(own.hopLimit).toBe(5);
    outcome(engine, own);
    expect([own.hopLimit, own.bytes[4]]).toEqual([4, 4]);
  });

  it('of 0 or 1 ends in transit, but not at the destination', () => {
    const engine = new ForwardingEngine();
    engine.route(AD, { face: 0, neighbour: 0 });
    engine.setLocal(SELF);
    for (const hopLimit of [0, 1]) {
      expect(outcome(engine, packet(hostDag(AD, HID), hopLimit))).toEqual(['TIME_EXCEEDED']);
      expect(outcome(engine, packet(hostDag(undefined, SELF), hopLimit))).toEqual(['DELIVER']);
    }
    expect(engine.counters()['hop-limit']).toBe(2);
  });
});

describe('broadcast', () => {
  it('is sent by its origin and heard by others, never sent on', () => {
    const engine = new ForwardingEngine();
    const view = packet(linkLocalDag(SID_BOOTSTRAP));
    expect(outcome(engine, view, true)).toEqual(['BROADCAST']);
    expect([view.last, visited(view)]).toEqual([-1, []]);
    engine.setLocal(SID_BOOTSTRAP);
    expect(outcome(engine, view)).toEqual(['DELIVER']);
    expect([view.last, engine.byBroadcast]).toEqual([1, true]);
  });

  it('goes nowhere when nobody here wants it, whatever routes there are', () => {
    const engine = new ForwardingEngine();
    engine.table(PrincipalType.SID).setDefault(1, 0);
    engine.table(PrincipalType.AD).setDefault(1, 0);
    expect(outcome(engine, packet(linkLocalDag(SID_BOOTSTRAP)))).toEqual(['DROP']);
    expect(outcome(engine, packet(Dag.parse(`RE ${BROADCAST_HID} ${AD} ${HID}`)))).toEqual(['DROP']);
    expect(engine.counters()).toMatchObject({ 'broadcast-not-ours': 2, forwarded: 0 });
  });

  it('is told from what was sent to this host by name', () => {
    const engine = new ForwardingEngine();
    engine.setLocal(SELF);
    engine.setLocal(SID_BOOTSTRAP);
    expect(outcome(engine, packet(serviceDag(undefined, SELF, SID_BOOTSTRAP)))).toEqual(['DELIVER']);
    expect(engine.byBroadcast).toBe(false);
  });
});

describe('routes', () => {
  it('never take away what is ours', () => {
    const engine = new ForwardingEngine();
    engine.setLocal(SELF);
    expect(engine.route(SELF, { face: 1, neighbour: 1 })).toBe(false);
    expect(engine.route(SELF, undefined)).toBe(false);
    expect(engine.route(BROADCAST_HID, { face: 1, neighbour: 1 })).toBe(false);
    expect(engine.isLocal(SELF)).toBe(true);
  });

  it('are set, read, replaced and removed', () => {
    const engine = new ForwardingEngine();
    expect(engine.nextHop(HID)).toBeUndefined();
    expect(engine.route(HID, undefined)).toBe(false);
    engine.route(HID, { face: 1, neighbour: 2 });
    engine.route(HID, { face: 3, neighbour: 4 });
    expect(engine.nextHop(HID)).toEqual({ face: 3, neighbour: 4 });
    expect(engine.unsetLocal(HID)).toBe(false);
    expect(engine.route(HID, undefined)).toBe(true);
    expect(engine.nextHop(HID)).toBeUndefined();
  });

  it('go with their face', () => {
    const engine = new ForwardingEngine();
    engine.route(HID, { face: 1, neighbour: 2 });
    engine.route(AD, { face: 2, neighbour: 2 });
    engine.table(PrincipalType.CID).setDefault(1, 0);
    expect(engine.dropFace(1)).toBe(2);
    expect([engine.nextHop(HID), engine.nextHop(AD)?.face]).toEqual([undefined, 2]);
  });

  it('of a type without a table are a caller mistake', () => {
    const strange = new Xid(0x50, new Uint8Array(20));
    expect(() => new ForwardingEngine().setLocal(strange)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });
});

describe('graphs that are no DAG', () => {
  /** Writes edges over those of a good address: a list for each node, the last one the source's. */
  function bent(edges: readonly (readonly number[])[]): XipView {
    const path = edges.map((_, i) => xid('HID', (i + 0x50).toString(16)));
    const view = packet(Dag.parse(`RE ${path.join(' ')}`));
    for (const [node, list] of edges.entries()) {
      for (let slot = 0; slot < 4; slot++) view.bytes[8 + 28 * node + 24 + slot] = list[slot] ?? 0x7f;
    }
    return view;
  }

  it('are dropped and counted, whether or not the cycle would be walked', () => {
    const engine = new ForwardingEngine();
    engine.table(PrincipalType.HID).setDefault(LOCAL_FACE, 0);
    const cases: Array<[readonly (readonly number[])[], Reason]> = [
      [[[1], [0], [0]], Reason.CYCLE],
      [[[0], [2], [0]], Reason.CYCLE],
      [[[1, 2], [2, 0], [2]], Reason.CYCLE],
      [[[1], [], [0]], Reason.TWO_SINKS],
      [[[1], [2], []], Reason.NO_SOURCE_EDGE],
    ];
    for (const [edges, reason] of cases) {
      expect(outcome(engine, bent(edges))).toEqual(['DROP']);
      expect(engine.reason).toBe(reason);
    }
    expect(engine.counters()).toMatchObject({ cycle: 3, 'two-sinks': 1, 'no-source-edge': 1, delivered: 0 });
  });

  it('are told from good ones in another order', () => {
    const engine = new ForwardingEngine();
    engine.table(PrincipalType.HID).setDefault(LOCAL_FACE, 0);
    const view = bent([[2], [0], [1]]);
    expect(outcome(engine, view)).toEqual(['DELIVER']);
    expect([view.last, visited(view)]).toEqual([2, ['0.0', '1.0', '2.0']]);
  });
});

describe('against a naive engine', () => {
  type Routes = ReadonlyMap<string, number>;
  interface Node {
    readonly type: number;
    readonly id: number;
    readonly edges: readonly number[];
  }

  /** Section by section what the engine is to do, on plain objects. Types 0x10..0x13 have tables; a face 0 and up sends. */
  function naive(nodes: readonly Node[], start: number, routes: Routes, origin: boolean, hopLimit: number): unknown {
    const sink = nodes.length - 1;
    const used = (node: number): number[] => {
      const end = nodes[node]!.edges.indexOf(-1);
      return nodes[node]!.edges.slice(0, end < 0 ? 4 : end);
    };
    if (used(sink).length === 0) return { drop: Reason.NO_SOURCE_EDGE };
    for (let node = 0; node < sink; node++) if (used(node).length === 0) return { drop: Reason.TWO_SINKS };
    const reaches = (from: number, goal: number, seen: Set<number>): boolean =>
      used(from).some((to) => {
        if (to === goal) return true;
        if (to === sink || seen.has(to)) return false;
        seen.add(to);
        return reaches(to, goal, seen);
      });
    for (let node = 0; node < sink; node++) if (reaches(node, node, new Set())) return { drop: Reason.CYCLE };
    let at = start;
    let heard = false;
    const marks: string[] = [];
    for (;;) {
      const from = at < 0 ? sink : at;
      let moved = false;
      for (const [slot, to] of used(from).entries()) {
        const face = routes.get(`${nodes[to]!.type}/${nodes[to]!.id}`);
        if (face === undefined || nodes[to]!.type === 0x50) continue;
        if (face >= 0 && heard && !origin) continue;
        if (face >= 0) return !origin && hopLimit <= 1 ? { exceeded: true, at, marks } : { face, at, marks };
        if (face === BROADCAST_FACE && origin) return { broadcast: true, at, marks };
        if (face === BROADCAST_FACE) heard = true;
        marks.push(`${from}.${slot}`);
        at = to;
        if (to === sink || nodes[to]!.type === 0x13) return { delivered: true, at, marks };
        moved = true;
        break;
      }
      if (!moved) return heard ? { drop: Reason.BROADCAST_NOT_OURS } : { unreachable: true, at, marks };
    }
  }

  const node = (count: number): fc.Arbitrary<Node> =>
    fc.record({
      type: fc.constantFrom(0x10, 0x11, 0x12, 0x13, 0x50),
      id: fc.nat({ max: 3 }),
      edges: fc.array(fc.integer({ min: -1, max: count - 1 }), { minLength: 4, maxLength: 4 }),
    });
  const packets = fc.integer({ min: 1, max: 7 }).chain((count) =>
    fc.record({
      nodes: fc.array(node(count), { minLength: count, maxLength: count }),
      forwards: fc.boolean(),
      last: fc.integer({ min: -1, max: count - 1 }),
      hopLimit: fc.nat({ max: 3 }),
      origin: fc.boolean(),
    }),
  );
  const entries = fc.array(
    fc.tuple(
      fc.constantFrom(0x10, 0x11, 0x12, 0x13),
      fc.nat({ max: 3 }),
      fc.constantFrom(LOCAL_FACE, LOCAL_FACE, LOCAL_FACE, BROADCAST_FACE, 0, 1, 2),
    ),
    { maxLength: 16 },
  );

  it('decides the same about any packet', () => {
    fc.assert(
      fc.property(packets, entries, ({ nodes: drawn, forwards, last, hopLimit, origin }, table) => {
        // Half of the graphs are made acyclic, or few would get anywhere.
        const nodes = drawn.map((one, i) =>
          !forwards || i === drawn.length - 1
            ? one
            : { ...one, edges: one.edges.map((to) => (to < 0 ? to : i + 1 + (to % (drawn.length - i - 1)))) },
        );
        const engine = new ForwardingEngine();
        const routes = new Map<string, number>();
        for (const [type, id, face] of table) {
          engine.table(type).set(new Uint8Array(20).fill(id), face, 0);
          routes.set(`${type}/${id}`, face);
        }
        const bytes = new Uint8Array(8 + 28 * nodes.length);
        bytes.set([1, 59, 0, 0, hopLimit, nodes.length, 0, last & 0xff]);
        for (const [i, { type, id, edges }] of nodes.entries()) {
          bytes[8 + 28 * i + 3] = type;
          bytes.fill(id, 8 + 28 * i + 4, 8 + 28 * i + 24);
          for (const [slot, to] of edges.entries()) bytes[8 + 28 * i + 24 + slot] = to < 0 ? 0x7f : to;
        }
        const view = new XipView();
        expect(view.reset(bytes)).toBeUndefined();
        const disposition = engine.forward(view, 0, origin ? FROM_SELF : FROM_FACE);
        const at = view.last;
        const marks = visited(view);
        const actual = {
          [Disposition.DROP]: { drop: engine.reason },
          [Disposition.FORWARD]: { face: engine.outFace, at, marks },
          [Disposition.DELIVER]: { delivered: true, at, marks },
          [Disposition.BROADCAST]: { broadcast: true, at, marks },
          [Disposition.UNREACHABLE]: { unreachable: true, at, marks },
          [Disposition.TIME_EXCEEDED]: { exceeded: true, at, marks },
        }[disposition];
        const expected = naive(nodes, last, routes, origin, hopLimit);
        expect(sorted(actual)).toEqual(sorted(expected));
        if (disposition !== Disposition.FORWARD) expect(view.hopLimit).toBe(hopLimit);
        else expect(view.hopLimit).toBe(origin ? hopLimit : hopLimit - 1);
      }),
      { numRuns: 3000 },
    );
  });

  function sorted(result: unknown): unknown {
    const { marks, ...rest } = result as { marks?: string[] };
    return marks === undefined ? rest : { ...rest, marks: [...new Set(marks)].toSorted() };
  }
});

it('answers with no face when nothing matched', () => {
  const engine = new ForwardingEngine();
  outcome(engine, packet(hostDag(AD, HID)));
  expect(engine.outFace).toBe(NO_FACE);
});
