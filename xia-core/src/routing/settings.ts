import { MAX_ANNOUNCEMENT_LIFETIME_MS, MAX_DEAD_MS, MAX_HEARD } from '../wire/routing-statements.js';
import type { RoutingLimits, RoutingTimers } from './options.js';

type Complete<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> };

export type Timers = Complete<RoutingTimers>;
export type Limits = Complete<RoutingLimits>;

export const DEFAULT_TIMERS: Timers = { helloMs: 150, deadMs: 600, refreshMs: 20_000, maxAgeMs: 60_000 };

export const DEFAULT_LIMITS: Limits = {
  maxNeighboursPerFace: MAX_HEARD,
  maxNeighbours: 256,
  maxOwnRouters: 1024,
  maxForeignRouters: 1024,
  maxHostFragments: 4096,
  maxHosts: 65_536,
  maxPendingPerNeighbour: 8192,
  messagesPerSecond: 2000,
};

/** What is set, and the defaults for the rest; within what the messages can say. */
export function completeTimers(given: RoutingTimers = {}): Timers {
  const timers = fill(DEFAULT_TIMERS, given);
  return {
    ...timers,
    helloMs: Math.min(timers.helloMs, MAX_DEAD_MS),
    deadMs: Math.min(timers.deadMs, MAX_DEAD_MS),
    maxAgeMs: Math.min(timers.maxAgeMs, MAX_ANNOUNCEMENT_LIFETIME_MS),
  };
}

export function completeLimits(given: RoutingLimits = {}): Limits {
  const limits = fill(DEFAULT_LIMITS, given);
  return { ...limits, maxNeighboursPerFace: Math.min(limits.maxNeighboursPerFace, MAX_HEARD) };
}

function fill<T extends object>(defaults: T, given: object): T {
  return { ...defaults, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}
