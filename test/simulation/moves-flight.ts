import { Applications } from './moves-applications.js';
import { planMoves, type MovesPlan } from './moves-plan.js';
import { MovesWorld } from './moves-world.js';

const BEGIN_LIMIT_MS = 20_000;
const SETTLE_LIMIT_MS = 15_000;
/** How long everything goes on after the last move has settled. */
const AFTER_MS = 600;
const END_LIMIT_MS = 90_000;

/** A plan with two VMs; the second one stays where it is unless the plan moves it. */
export function flightPlan(seed: number): MovesPlan {
  const plan = planMoves(seed);
  return plan.vms.length > 1 ? plan : { ...plan, vms: [...plan.vms, (plan.vms[0]! + 1) % plan.hosts.length] };
}

/** Two VMs that do everything with each other while the plan moves them. @returns what went wrong, in words */
export function flyThrough(plan: MovesPlan, watch: (world: MovesWorld) => void = () => {}): string | undefined {
  const world = new MovesWorld(plan);
  watch(world);
  const { network, invariants, vms } = world;
  if (!network.runUntil(() => world.isSettled(), BEGIN_LIMIT_MS)) return `did not begin: ${world.unsettled()}`;
  const applications = new Applications(network, vms[0]!, vms[1]!);
  if (!network.runUntil(() => applications.hasBegun, BEGIN_LIMIT_MS)) return 'the applications did not begin';
  const lastAt = network.now + plan.steps.at(-1)!.atMs;
  for (const step of plan.steps) network.queue.at(network.now + step.atMs, () => world.do(step));
  network.runUntil(() => network.now >= lastAt, Infinity);
  if (!network.runUntil(() => world.isSettled(), SETTLE_LIMIT_MS)) return `did not settle: ${world.unsettled()}`;
  applications.rest();
  network.runFor(AFTER_MS);
  applications.stop();
  network.runUntil(() => applications.isOver, END_LIMIT_MS);
  return invariants.fault ?? applications.fault();
}
