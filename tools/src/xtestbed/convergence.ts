import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { XiaError } from 'xia-core';
import { adRoutes, type Topology } from './topology.js';

/** Neighbours find each other within a few hellos; the rest is for machines that are busy. */
const TIMEOUT_MS = 20_000;
const POLL_MS = 30;

const routesSchema = v.array(v.looseObject({ xid: v.string() }));

/**
 * Waits until every router has a route to each AD that its links lead to.
 * @param routesOf the table of routes of a router, as its daemon shows it
 * @throws XiaError `testbed-failed`, naming who does not know the way to what
 */
export async function waitForRoutes(
  topology: Topology,
  adXids: Readonly<Record<string, string>>,
  routesOf: (router: string) => Promise<unknown>,
  signal: AbortSignal | undefined,
  timeoutMs: number = TIMEOUT_MS,
): Promise<void> {
  const missing = new Map([...adRoutes(topology)].map(([router, ways]) => [router, new Set(ways.keys())]));
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    for (const [router, ads] of missing) {
      if (ads.size > 0) {
        const known = new Set(v.parse(routesSchema, await routesOf(router)).map(({ xid }) => xid));
        for (const ad of ads) if (known.has(adXids[ad] ?? '')) ads.delete(ad);
      }
      if (ads.size === 0) missing.delete(router);
    }
    if (missing.size === 0) return;
    signal?.throwIfAborted();
    if (Date.now() > deadline) {
      const facts = [...missing].map(([router, ads]) => `${router} knows no way to ${[...ads].join(', ')}`);
      throw new XiaError('testbed-failed', `routing did not converge within ${timeoutMs / 1000} s: ${facts.join('; ')}`);
    }
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}
