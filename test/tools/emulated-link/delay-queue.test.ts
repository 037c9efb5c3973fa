import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DelayQueue } from '../../../tools/src/emulated-link/index.js';

it('gives packets by the time they are due, those of one time as they came', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant('pop' as const)), { maxLength: 300 }), (steps) => {
      const queue = new DelayQueue();
      let model: { dueMs: number; number: number; packet: Uint8Array }[] = [];
      for (const [number, step] of steps.entries()) {
        if (step === 'pop') {
          const [first, ...rest] = model;
          expect(queue.nextMs).toBe(first?.dueMs ?? Infinity);
          expect(queue.pop()).toBe(first?.packet);
          model = rest;
        } else {
          const packet = Uint8Array.of(number);
          queue.push(packet, step);
          model = [...model, { dueMs: step, number, packet }].toSorted(
            (one, other) => one.dueMs - other.dueMs || one.number - other.number,
          );
        }
        expect(queue.length).toBe(model.length);
      }
    }),
  );
});
