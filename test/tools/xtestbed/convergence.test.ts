import { describe, expect, it } from 'vitest';
import { waitForRoutes } from '../../../tools/src/xtestbed/convergence.js';
import { loadTopology } from '../../../tools/src/xtestbed/topology.js';

const ads = { AD1: 'AD:1', AD2: 'AD:2', AD3: 'AD:3' };
const all = Object.values(ads).map((xid) => ({ xid, next: 'peer', source: 'link-state', cost: 10 }));

describe('waitForRoutes', () => {
  it('asks until every router knows every AD', async () => {
    const asked = new Map<string, number>();
    const routesOf = async (router: string) => {
      const times = (asked.get(router) ?? 0) + 1;
      asked.set(router, times);
      return router === 'R3' && times < 3 ? [] : all;
    };
    await waitForRoutes(await loadTopology('ring'), ads, routesOf, undefined);
    expect(Object.fromEntries(asked)).toEqual({ R1A: 1, R1B: 1, R2: 1, R3: 3 });
  });

  it('says who does not know what when the time is up, and obeys a signal', async () => {
    const routesOf = async (router: string) => (router === 'R2' ? all.slice(0, 2) : all);
    const topology = await loadTopology('ring');
    await expect(waitForRoutes(topology, ads, routesOf, undefined, 0)).rejects.toMatchObject({
      code: 'testbed-failed',
      message: 'routing did not converge within 0 s: R2 knows no way to AD3',
    });
    await expect(waitForRoutes(topology, ads, routesOf, AbortSignal.abort())).rejects.toThrow();
  });
});
