import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../xia-core/src/bytes/index.js';
import { LOCAL_FACE, NO_FACE, RouteTable } from '../../../xia-core/src/forwarding/index.js';

/** Few different ids, many of which differ in one word only. */
const id = fc
  .tuple(fc.nat({ max: 19 }), fc.nat({ max: 3 }))
  .map(([at, value]) => Uint8Array.from({ length: 20 }, (_, i) => (i === at ? value : 7)));

const operation = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('set' as const), id, face: fc.nat({ max: 5 }), neighbour: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deleteFace' as const), face: fc.nat({ max: 5 }) }) },
);

describe('RouteTable', () => {
  it('does what a Map does', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), fc.nat(), (operations, salt) => {
        const table = new RouteTable(1, 1000, salt);
        const oracle = new Map<string, { face: number; neighbour: number }>();
        for (const step of operations) {
          if (step.kind === 'set') {
            expect(table.set(step.id, step.face, step.neighbour)).toBe(true);
            oracle.set(toHex(step.id), { face: step.face, neighbour: step.neighbour });
          } else if (step.kind === 'delete') {
            expect(table.delete(step.id)).toBe(oracle.delete(toHex(step.id)));
          } else {
            const through = [...oracle].filter(([, { face }]) => face === step.face);
            for (const [key] of through) oracle.delete(key);
            expect(table.deleteFace(step.face)).toBe(through.length);
          }
          expect(table.size).toBe(oracle.size);
        }
        const entries = [...table.entries()].map(({ id: key, face, neighbour }) => [toHex(key), { face, neighbour }]);
        expect(new Map(entries as never)).toEqual(oracle);
        for (const [key, { face, neighbour }] of oracle) {
          const bytes = Uint8Array.from([1, 2, 3, ...Buffer.from(key, 'hex'), 4]);
          const slot = table.find(bytes, 3);
          expect([table.faceAt(slot), table.neighbourAt(slot)]).toEqual([face, neighbour]);
        }
      }),
    );
  });

  it('keeps a slot the same while others come and go', () => {
    const table = new RouteTable(1);
    const key = (n: number): Uint8Array => new Uint8Array(20).fill(n & 255).fill(n >> 8, 10);
    table.set(key(1), 3, 4);
    const slot = table.find(key(1), 0);
    for (let n = 2; n < 5000; n++) table.set(key(n), 1, 1);
    for (let n = 2; n < 5000; n += 2) table.delete(key(n));
    expect(table.find(key(1), 0)).toBe(slot);
    expect([table.faceAt(slot), table.neighbourAt(slot)]).toEqual([3, 4]);
  });

  it('refuses and counts what goes beyond its bound, but replaces', () => {
    const table = new RouteTable(1, 2);
    const [a, b, c] = [1, 2, 3].map((n) => new Uint8Array(20).fill(n)) as [Uint8Array, Uint8Array, Uint8Array];
    expect([table.set(a, 0, 0), table.set(b, 0, 0), table.set(c, 0, 0)]).toEqual([true, true, false]);
    expect([table.set(a, 5, 1), table.refused, table.size]).toEqual([true, 1, 2]);
  });

  it('has a default that entries are not mixed up with', () => {
    const table = new RouteTable(4);
    expect(table.defaultFace).toBe(NO_FACE);
    table.setDefault(2, 9);
    expect([table.find(new Uint8Array(20), 0), table.defaultFace, table.defaultNeighbour]).toEqual([-1, 2, 9]);
    table.set(new Uint8Array(20), LOCAL_FACE, 0);
    expect(table.faceAt(table.find(new Uint8Array(20), 0))).toBe(LOCAL_FACE);
    expect(table.deleteFace(2)).toBe(1);
    expect(table.defaultFace).toBe(NO_FACE);
  });
});
