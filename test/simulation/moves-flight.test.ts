import { describe, expect, it } from 'vitest';
import { flightPlan, flyThrough } from './moves-flight.js';

const RUNS = 40;
const RUNS_A_TEST = 10;

describe('connections of VMs that move', () => {
  it.each(Array.from({ length: RUNS / RUNS_A_TEST }, (_, block) => block * RUNS_A_TEST + 1))(
    'go on: streams of either end, busy and idle, datagrams, echoes and chunks, seeds from %i',
    (first) => {
      for (let seed = first; seed < first + RUNS_A_TEST; seed++) {
        const plan = flightPlan(seed);
        expect(flyThrough(plan), `seed ${seed}, ${plan.style}, ways ${plan.ways}`).toBe(undefined);
      }
    },
    120_000,
  );
});
