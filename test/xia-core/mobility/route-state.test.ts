import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextRouteState, routeInputs, routeStates, type RouteState } from '../../../xia-core/src/mobility/route-state.js';

/** For each state what each input makes of it, in the order of `routeInputs`. */
const table: Readonly<Record<RouteState, readonly RouteState[]>> = {
  //        coming      not-coming  bound   paused      resumed     patched     ended       forgotten
  base: ['staged', 'base', 'live', 'base', 'base', 'draining', 'base', 'base'],
  staged: ['staged', 'base', 'live', 'staged', 'staged', 'draining', 'staged', 'staged'],
  live: ['live', 'live', 'live', 'held', 'live', 'draining', 'ended', 'live'],
  held: ['held', 'held', 'live', 'held', 'live', 'draining', 'ended', 'held'],
  draining: ['draining', 'draining', 'live', 'draining', 'draining', 'draining', 'draining', 'base'],
  ended: ['ended', 'ended', 'live', 'ended', 'ended', 'draining', 'ended', 'base'],
};

describe('the states of a route', () => {
  it('follow one from the other as drawn', () => {
    const found = Object.fromEntries(routeStates.map((state) => [state, routeInputs.map((input) => nextRouteState(state, input))]));
    expect(found).toEqual(table);
  });

  it('are live by a binding only, and held from live only', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...routeInputs)), (inputs) => {
        let state: RouteState = 'base';
        for (const input of inputs) {
          const next = nextRouteState(state, input);
          if (next === 'live' && state !== 'live') expect(input === 'bound' || state === 'held').toBe(true);
          if (next === 'held') expect(['live', 'held']).toContain(state);
          state = next;
        }
      }),
    );
  });
});
