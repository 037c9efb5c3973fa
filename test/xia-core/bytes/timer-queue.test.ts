import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimerQueue } from '../../../xia-core/src/bytes/index.js';

test('equal deadlines fire in the order they were set, and setting again moves', () => {
  const queue = new TimerQueue<string>();
  expect([queue.next(), queue.popDue(1e9), queue.size]).toEqual([Infinity, undefined, 0]);
  queue.set('a', 5);
  queue.set('b', 5);
  queue.set('c', 1);
  queue.set('a', 5);
  queue.cancel('x');
  expect([queue.next(), queue.size]).toEqual([1, 3]);
  expect([queue.popDue(0), queue.popDue(5), queue.popDue(5), queue.popDue(5), queue.popDue(5)]).toEqual([
    undefined,
    'c',
    'b',
    'a',
    undefined,
  ]);
});

test('behaves like a sorted list', () => {
  const operation = fc.tuple(fc.constantFrom('set', 'set', 'cancel', 'pop'), fc.nat(12), fc.nat(30));
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const queue = new TimerQueue<number>();
      let model: Array<{ key: number; at: number }> = [];
      for (const [name, key, at] of operations) {
        if (name === 'pop') {
          const due = model.toSorted((a, b) => a.at - b.at)[0];
          const expected = due !== undefined && due.at <= at ? due.key : undefined;
          expect(queue.popDue(at)).toBe(expected);
          model = model.filter((entry) => entry.key !== expected);
        } else {
          model = model.filter((entry) => entry.key !== key);
          if (name === 'set') {
            model.push({ key, at });
            queue.set(key, at);
          } else {
            queue.cancel(key);
          }
        }
        expect(queue.size).toBe(model.length);
        expect(queue.next()).toBe(Math.min(Infinity, ...model.map((entry) => entry.at)));
      }
    }),
  );
});
