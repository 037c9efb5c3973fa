import { planMoves, type MovesPlan } from './moves-plan.js';
import { MovesWorld } from './moves-world.js';

/** Finding the ways, and places, at first. */
const START_LIMIT_MS = 20_000;
/** After the last move; a lost patch is repeated within this. */
const SETTLE_LIMIT_MS = 15_000;
/** It stays as it is for so long. */
const REST_MS = 300;

export interface MovesResult {
  readonly plan: MovesPlan;
  /** What went wrong, in words; undefined when nothing did. */
  readonly fault: string | undefined;
  readonly packets: number;
  /** Virtual time. */
  readonly endedAtMs: number;
  /** Changes of ways after which everything was looked through. */
  readonly changes: number;
  /** From the last move until everybody was reached everywhere. */
  readonly settledMs: number;
}

/** Plays one plan through. @param watch sees the world before anything moves */
export function runMoves(seed: number, watch: (world: MovesWorld) => void = () => {}): MovesResult {
  const plan = planMoves(seed);
  const world = new MovesWorld(plan);
  watch(world);
  const { network, invariants } = world;
  let settledMs = Number.NaN;
  const result = (fault: string | undefined): MovesResult => {
    const { packets, now } = network;
    // Where no router restarts there is nothing that routing would have to hear of.
    const isTurning = plan.style !== 'restart' && invariants.routingLoops > 0;
    const looped = isTurning ? `${invariants.routingLoops} loops of routing` : undefined;
    return { plan, fault: invariants.fault ?? fault ?? looped, packets, endedAtMs: now, changes: invariants.changes, settledMs };
  };
  if (!runUntil(world, START_LIMIT_MS)) return result(`did not begin: ${world.unsettled()}`);
  const startedAt = network.now;
  for (const step of plan.steps) network.queue.at(startedAt + step.atMs, () => world.do(step));
  const lastAt = startedAt + plan.steps.at(-1)!.atMs;
  network.runUntil(() => invariants.fault !== undefined || network.now >= lastAt, Infinity);
  do {
    if (!runUntil(world, lastAt + SETTLE_LIMIT_MS - network.now)) return result(`did not settle: ${world.unsettled()}`);
    settledMs = network.now - lastAt;
    network.runUntil(() => invariants.fault !== undefined, REST_MS);
  } while (!world.isSettled());
  return result(undefined);
}

/** Until everybody is reached. False when that takes too long, or a way was wrong. */
function runUntil(world: MovesWorld, limitMs: number): boolean {
  const { network, invariants } = world;
  network.runUntil(() => invariants.fault !== undefined || world.isSettled(), limitMs);
  return invariants.fault === undefined && world.isSettled();
}

/** How to see a run again. */
export function replayLine(seed: number): string {
  return `npm run simulate:moves -- --seed ${seed} --trace`;
}
