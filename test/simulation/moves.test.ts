import { describe, expect, it } from 'vitest';
import { planMoves, moveStyles } from './moves-plan.js';
import { replayLine, runMoves } from './moves-run.js';

/** In `npm test`; `npm run simulate:moves` plays as many as one likes. */
const RUNS = 300;
/** What is planned for so many is looked at: enough of everything. */
const PLANS = 1000;
const RUNS_A_TEST = 50;

describe('VMs that move in random networks', () => {
  it.each(Array.from({ length: RUNS / RUNS_A_TEST }, (_, block) => block * RUNS_A_TEST + 1))(
    'are never sent to in a circle, and reached by every old address in the end, seeds from %i',
    (first) => {
      for (let seed = first; seed < first + RUNS_A_TEST; seed++) {
        const { fault, changes } = runMoves(seed);
        expect(fault, replayLine(seed)).toBe(undefined);
        expect(changes, replayLine(seed)).toBeGreaterThan(0);
      }
    },
    // Nothing here waits for the clock; a machine with much else to do needs longer.
    120_000,
  );

  it('move in every style, with and without routing, over good links and bad ones', () => {
    const plans = Array.from({ length: PLANS }, (_, index) => planMoves(index + 1));
    for (const style of moveStyles) {
      for (const ways of ['found', 'static']) {
        const those = plans.filter((plan) => plan.style === style && plan.ways === ways);
        expect(those.length, `${style}, ${ways}`).toBeGreaterThan(20);
        expect(those.some(({ shape }) => shape.loss !== undefined && shape.loss > 0.05)).toBe(true);
      }
    }
    const routers = plans.map((plan) => plan.routers.length - plan.ads);
    expect(Math.max(...routers)).toBeGreaterThan(3);
    expect(new Set(plans.map(({ ads }) => ads))).toEqual(new Set([3, 4, 5, 6, 7, 8]));
  });

  it('are the same run for the same seed', () => {
    expect(runMoves(7)).toEqual(runMoves(7));
  });
});
