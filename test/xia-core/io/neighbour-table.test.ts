import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NeighbourTable } from '../../../xia-core/src/io/neighbour-table.js';

describe('NeighbourTable', () => {
  test('gives out ids from 1, the pinned ones first, and the same id again', () => {
    const table = new NeighbourTable();
    expect([table.pin('10.0.0.1', 7), table.pin('10.0.0.2', 7), table.pin('10.0.0.1', 7)]).toEqual([1, 2, 1]);
    expect([table.heard('10.0.0.3', 7), table.heard('10.0.0.1', 7), table.heard('10.0.0.3', 8), table.heard('10.0.0.3', 7)]).toEqual([
      3, 1, 4, 3,
    ]);
    expect(table.size).toBe(4);
    expect([table.addressOf(4), table.portOf(4)]).toEqual(['10.0.0.3', 8]);
    expect([table.has(0), table.has(4), table.has(5), table.addressOf(9), table.portOf(9)]).toEqual([false, true, false, '', 0]);
  });

  test('the least recently heard makes room, after it was said; a pinned one never does', () => {
    const gone: number[] = [];
    const table = new NeighbourTable(4, (id) => gone.push(id));
    table.pin('pinned', 1);
    table.heard('a', 1);
    table.heard('b', 1);
    table.heard('c', 1);
    table.heard('a', 1);
    expect(table.heard('d', 1)).toBe(3);
    expect(gone).toEqual([3]);
    expect(table.addressOf(3)).toBe('d');
    expect(table.heard('b', 1)).toBe(4);
    expect(table.heard('pinned', 1)).toBe(1);
    expect(gone).toEqual([3, 4]);
  });

  test('refuses more peers than leave room for one that is heard', () => {
    const table = new NeighbourTable(2);
    table.pin('a', 1);
    expect(() => table.pin('b', 1)).toThrow(expect.objectContaining({ code: 'bad-config' }));
    expect(table.heard('b', 1)).toBe(2);
    expect(table.heard('c', 1)).toBe(2);
  });

  test('pins one that was heard where it is, and gives the id of a removed one to the next', () => {
    const gone: number[] = [];
    const table = new NeighbourTable(4, (id) => gone.push(id));
    table.pin('pinned', 1);
    table.heard('a', 1);
    table.heard('b', 1);
    expect([table.pin('a', 1), table.room]).toEqual([2, 1]);
    table.heard('c', 1);
    expect([table.heard('d', 1), gone]).toEqual([3, [3]]);
    expect([table.remove('pinned', 1), table.remove('pinned', 1), table.has(1), table.addressOf(1)]).toEqual([1, 0, false, '']);
    expect([table.size, table.room]).toEqual([4, 2]);
    expect([table.heard('pinned', 1), table.heard('a', 1), table.heard('c', 1)]).toEqual([1, 2, 4]);
    expect([table.remove('c', 1), table.pin('e', 1), table.heard('c', 1)]).toEqual([4, 4, 3]);
    expect(gone).toEqual([3, 3]);
  });

  test('keeps what it says of neighbours, whatever is pinned, heard and removed', () => {
    const operation = fc.tuple(fc.constantFrom('pin', 'heard', 'remove'), fc.nat({ max: 6 }));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.integer({ min: 2, max: 5 }), (operations, capacity) => {
        const ids = new Map<number, number>();
        const pinned = new Set<number>();
        const table = new NeighbourTable(capacity, (id) => {
          const [evicted] = [...ids].find(([, known]) => known === id)!;
          expect(pinned.has(evicted)).toBe(false);
          ids.delete(evicted);
        });
        for (const [what, port] of operations.map(([kind, number]) => [kind, number + 1] as const)) {
          if (what === 'remove') {
            expect(table.remove('host', port)).toBe(ids.get(port) ?? 0);
            ids.delete(port);
            pinned.delete(port);
          } else if (what === 'heard') ids.set(port, table.heard('host', port));
          else if (table.room > 0 || pinned.has(port)) {
            ids.set(port, table.pin('host', port));
            pinned.add(port);
          } else expect(() => table.pin('host', port)).toThrow();
          expect(table.room).toBe(capacity - 1 - pinned.size);
          expect(new Set(ids.values()).size).toBe(ids.size);
          for (const [known, id] of ids) expect([table.has(id), table.portOf(id)]).toEqual([true, known]);
          const present = Array.from({ length: table.size }, (_, index) => index + 1).filter((id) => table.has(id));
          expect(new Set(present)).toEqual(new Set(ids.values()));
        }
      }),
    );
  });

  test('behaves as a list ordered by when each was last heard', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 8 })), fc.integer({ min: 1, max: 6 }), (senders, capacity) => {
        let order: { id: number; sender: number }[] = [];
        const gone: number[] = [];
        const expectedGone: number[] = [];
        const table = new NeighbourTable(capacity, (id) => gone.push(id));
        for (const sender of senders) {
          let entry = order.find((known) => known.sender === sender);
          if (entry === undefined) {
            let id = order.length + 1;
            if (order.length === capacity) {
              id = order.shift()!.id;
              expectedGone.push(id);
            }
            entry = { id, sender };
          }
          order = [...order.filter((known) => known !== entry), entry];
          expect(table.heard(`host-${sender % 3}`, sender)).toBe(entry.id);
        }
        expect(gone).toEqual(expectedGone);
        expect(table.size).toBe(order.length);
      }),
    );
  });
});
