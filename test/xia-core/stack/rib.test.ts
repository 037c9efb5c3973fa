import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ForwardingEngine, PrincipalType, Xid, type NextHop } from '../../../xia-core/src/index.js';
import { Rib, routeSources, type RouteSource } from '../../../xia-core/src/stack/rib.js';

const xid = (number: number, type: number = PrincipalType.HID) => Xid.of(type, number.toString(16).padStart(40, '0'));
const hop = (face: number, neighbour = 1): NextHop => ({ face, neighbour });

describe('Rib', () => {
  const hid = xid(1);
  let engine: ForwardingEngine;
  let rib: Rib;

  beforeEach(() => {
    engine = new ForwardingEngine();
    rib = new Rib({ engine, salt: 7, maxRoutes: 4 });
  });

  it('lets a binding count before a static route, that before link-state, and falls back', () => {
    rib.set('link-state', hid, hop(3), { cost: 20 });
    rib.set('binding', hid, hop(1), { sequence: 5 });
    rib.set('static', hid, hop(2));
    expect(engine.nextHop(hid)).toEqual(hop(1));
    rib.delete('binding', hid);
    expect(rib.chosen(hid)).toEqual({ source: 'static', hop: hop(2), cost: 0, sequence: 0 });
    expect(engine.nextHop(hid)).toEqual(hop(2));
    rib.delete('static', hid);
    expect(engine.nextHop(hid)).toEqual(hop(3));
    expect(rib.chosen(hid)?.cost).toBe(20);
    rib.delete('link-state', hid);
    rib.delete('link-state', hid);
    expect(engine.nextHop(hid)).toBeUndefined();
    expect(rib.chosen(hid)).toBeUndefined();
  });

  it('believes the later of two bindings, whoever knows it', () => {
    rib.set('binding', hid, hop(1), { sequence: 5 });
    rib.set('link-state', hid, hop(3), { sequence: 5 });
    expect(engine.nextHop(hid)).toEqual(hop(1));
    rib.set('link-state', hid, hop(3), { sequence: 6 });
    expect(engine.nextHop(hid)).toEqual(hop(3));
    rib.set('binding', hid, hop(2), { sequence: 7 });
    expect(engine.nextHop(hid)).toEqual(hop(2));
  });

  it('goes nowhere while a binding keeps the others out, until there is a later one', () => {
    rib.set('link-state', hid, hop(3), { sequence: 5 });
    rib.set('binding', hid, undefined, { sequence: 8 });
    expect(engine.nextHop(hid)).toBeUndefined();
    rib.set('link-state', hid, hop(4), { sequence: 9 });
    expect(engine.nextHop(hid)).toEqual(hop(4));
  });

  it('does not count what leads over a face that is gone, static or not', () => {
    rib.set('static', hid, hop(2, 0));
    rib.set('link-state', hid, hop(3));
    rib.set('link-state', xid(2), hop(2, 1));
    rib.set('link-state', xid(3), hop(2, 2));
    rib.dropFace(2, 1);
    expect([engine.nextHop(hid), engine.nextHop(xid(2)), engine.nextHop(xid(3))]).toEqual([hop(2, 0), undefined, hop(2, 2)]);
    rib.dropFace(2);
    expect([engine.nextHop(hid), engine.nextHop(xid(3))]).toEqual([hop(3), undefined]);
  });

  it('refuses what is its own, and what is too much, and says how full it is', () => {
    engine.setLocal(hid);
    expect(rib.set('static', hid, hop(1))).toBe(false);
    for (let number = 2; number <= 5; number++) expect(rib.set('static', xid(number), hop(1))).toBe(true);
    expect(rib.set('static', xid(6), hop(1))).toBe(false);
    expect(rib.set('static', xid(2), hop(2))).toBe(true);
    rib.delete('static', xid(2));
    expect(rib.gauges()[1]).toEqual({ name: 'routes static', unit: 'entries', used: 3, highWater: 4, bound: 4, refused: 1 });
    expect(() => rib.set('static', xid(1, 0x99), hop(1))).toThrow('no route table');
  });

  it('holds a hundred thousand routes', () => {
    const large = new Rib({ engine, salt: 7 });
    for (let number = 1; number <= 100_000; number++) large.set('link-state', xid(number), hop(number & 7), { cost: number });
    expect(large.get('link-state', xid(77_777))).toEqual({ hop: hop(77_777 & 7), cost: 77_777, sequence: 0 });
    expect(engine.nextHop(xid(77_777))).toEqual(hop(77_777 & 7));
  });
});

it('gives the engine what a plain model says, whatever happens in whatever order', () => {
  const operation = fc.record({
    source: fc.constantFrom(...routeSources),
    id: fc.nat(3),
    type: fc.constantFrom(PrincipalType.HID, PrincipalType.AD),
    face: fc.option(fc.nat(3), { nil: undefined }),
    sequence: fc.nat(3),
    kind: fc.constantFrom('set', 'set', 'delete', 'drop'),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const engine = new ForwardingEngine();
      const rib = new Rib({ engine, salt: 1 });
      const model = new Map<string, Map<RouteSource, { face: number | undefined; sequence: number }>>();
      for (const { source, id, type, face, sequence, kind } of operations) {
        const at = xid(id, type);
        const known = model.get(at.key) ?? new Map();
        model.set(at.key, known);
        if (kind === 'set') {
          rib.set(source, at, face === undefined ? undefined : hop(face), { sequence });
          known.set(source, { face, sequence });
        } else if (kind === 'delete') {
          rib.delete(source, at);
          known.delete(source);
        } else if (face !== undefined) {
          rib.dropFace(face);
          for (const bySource of model.values()) for (const [name, one] of bySource) if (one.face === face) bySource.delete(name);
        }
        for (const [key, bySource] of model) {
          const where = [0, 1, 2, 3].flatMap((n) => [xid(n, PrincipalType.HID), xid(n, PrincipalType.AD)]).find((x) => x.key === key)!;
          const binding = bySource.get('binding');
          const linkState = bySource.get('link-state');
          const aside = bySource.get('static');
          let best = binding ?? aside ?? linkState;
          if (binding !== undefined) {
            for (const other of [aside, linkState])
              if (best === binding && other !== undefined && other.sequence > binding.sequence) best = other;
          }
          expect(engine.nextHop(where)).toEqual(best?.face === undefined ? undefined : hop(best.face));
        }
      }
    }),
  );
});
