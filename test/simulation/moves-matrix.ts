import { serviceDag, SID_NAME_SERVICE, type Dag } from 'xia-core';
import { serveNames } from './migration-world.js';
import { Applications } from './moves-applications.js';
import type { MovesPlan } from './moves-plan.js';
import { MovesWorld } from './moves-world.js';
import type { SimNode } from './network.js';

const NAME = 'vm.xia';
const LIMIT_MS = 20_000;
const AFTER_MS = 200;
/** Two hosts in each of three ADs, whose routers are all neighbours. */
const HOSTS = [0, 0, 1, 1, 2, 2] as const;

/** One of "any VM on any host to any host, with the name service on any host". Hosts by number from 0. */
export interface MatrixCase {
  readonly from: number;
  readonly to: number;
  /** Where the name service runs: on a host, or in the VM that moves. */
  readonly names: number | 'vm';
}

export const matrixCases: readonly MatrixCase[] = [...HOSTS.keys()].flatMap((from) =>
  [...HOSTS.keys()].flatMap((to) => (from === to ? [] : [...HOSTS.keys(), 'vm' as const].map((names) => ({ from, to, names })))),
);

function planOf({ from, to, names }: MatrixCase): MovesPlan {
  // The client is where the VM comes from, goes to, or neither, as it happens.
  const client = (3 * from + 5 * to + 1) % HOSTS.length;
  return {
    seed: 1 + from + 10 * to + 100 * (names === 'vm' ? 9 : names),
    style: 'calm',
    ways: 'static',
    shape: { delayMs: 1 },
    ads: 3,
    routers: [0, 1, 2],
    links: [
      [0, 1],
      [1, 2],
      [2, 0],
    ],
    hosts: HOSTS,
    vms: names === 'vm' ? [from, client] : [from, client, names],
    steps: [{ atMs: 0, kind: 'vm', vm: 0, host: to, hinted: true, announced: false }],
  };
}

/** Plays a case through: every application between the VM and a client, and the VM's name. @returns what went wrong */
export function playCase(what: MatrixCase): string | undefined {
  const world = new MovesWorld(planOf(what));
  const { network, invariants } = world;
  const [vm, client, third] = world.vms;
  if (vm === undefined || client === undefined || !network.runUntil(() => world.isSettled(), LIMIT_MS))
    return `did not begin: ${world.unsettled()}`;
  const server = third ?? vm;
  serveNames(server);
  const nameServer = serviceDag(server.stack.ad, server.stack.hid, SID_NAME_SERVICE);
  for (const node of new Set([vm, client])) node.enter((now) => node.stack.setNameServer(nameServer, now));
  vm.enter((now) => vm.stack.keepName(NAME, undefined, 60_000, 1, now));
  network.runFor(50);
  if (resolve(world, client)?.equals(vm.stack.dag()) !== true) return 'the name was not there before the move';
  const applications = new Applications(network, vm, client);
  if (!network.runUntil(() => applications.hasBegun, LIMIT_MS)) return 'the applications did not begin';
  const before = vm.stack.dag();
  for (const step of world.plan.steps) world.do(step);
  if (!network.runUntil(() => world.isSettled(), LIMIT_MS)) return `did not settle: ${world.unsettled()}`;
  applications.rest();
  network.runFor(AFTER_MS);
  if (HOSTS[what.from] === HOSTS[what.to] ? !vm.stack.dag().equals(before) : vm.stack.dag().equals(before))
    return 'its address is not that of its AD';
  if (resolve(world, client)?.equals(vm.stack.dag()) !== true) return 'the name says another address after the move';
  applications.stop();
  network.runUntil(() => applications.isOver, LIMIT_MS);
  return invariants.fault ?? applications.fault();
}

/** What the name service tells a client now. */
function resolve({ network }: MovesWorld, client: SimNode): Dag | undefined {
  let found: Dag | undefined;
  const previous = client.onEvent;
  client.onEvent = (event) => {
    if (event.layer === 'name' && event.event.kind === 'resolved') found = event.event.dag;
    else previous(event);
  };
  client.stack.names.invalidate(NAME);
  client.enter((now) => client.stack.resolve(NAME, 1000, now));
  network.runUntil(() => found !== undefined, 1000);
  client.onEvent = previous;
  return found;
}
