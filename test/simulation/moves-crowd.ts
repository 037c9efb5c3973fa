import type { LinkShape } from 'xia-core';
import { addApplication, addHost, addRouter } from './domains.js';
import { RouteInvariants } from './invariants.js';
import { SimNetwork, type SimNode } from './network.js';

const LOCAL: LinkShape = { delayMs: 0.05 };
const LINK: LinkShape = { delayMs: 1 };
const BEACON = { intervalMs: 1000, lifetimeMs: 30_000 };

export interface CrowdPlan {
  readonly vms: number;
  /** VMs of each host. */
  readonly vmsOfHost: number;
  /** How many move to the other AD at the same moment. */
  readonly moving: number;
  readonly seed: number;
}

export interface CrowdResult {
  /** Bindings that the router held before and after a time in which everybody renewed. */
  readonly bound: number;
  readonly boundLater: number;
  /** Bindings that it accepted in that time. */
  readonly renewals: number;
  /** From each move until the VM knows that it is bound elsewhere, and both routers and the old host reach it by both addresses. */
  readonly moveMs: readonly number[];
  readonly fault: string | undefined;
}

/** Many VMs bound to one router; some of them move to another AD at once. */
export function moveCrowd({ vms: count, vmsOfHost, moving, seed }: CrowdPlan): CrowdResult {
  const network = new SimNetwork(seed);
  const hostCount = Math.ceil(count / vmsOfHost);
  const routers = ['R1', 'R2'].map((name) => addRouter(network, name, 1, hostCount, { beacon: BEACON, routing: false, cache: undefined }));
  const [one, two] = [routers[0]!, routers[1]!];
  network.connect(one.node, 'peer0', two.node, 'peer0', LINK);
  one.node.stack.addRoute(two.ad, { face: one.node.stack.faces.byName('peer0')!, neighbour: 1 });
  two.node.stack.addRoute(one.ad, { face: two.node.stack.faces.byName('peer0')!, neighbour: 1 });
  const hostsOf = (router: SimNode): SimNode[] =>
    Array.from({ length: hostCount }, (_, index) => {
      const host = addHost(network, `${router.name}H${index}`, vmsOfHost);
      network.connect(host, 'up', router, `access${index}`, LINK);
      return host;
    });
  const [here, there] = [hostsOf(one.node), hostsOf(two.node)];
  const vms = Array.from({ length: count }, (_, index) => addApplication(network, `VM${index}`));
  const plug = (index: number, hosts: readonly SimNode[]): void => {
    network.connect(vms[index]!, 'up', hosts[Math.floor(index / vmsOfHost)]!, `access${index % vmsOfHost}`, LOCAL);
  };
  for (const index of vms.keys()) plug(index, here);
  network.start();
  const gateway = one.node.stack.mobility;
  const held = (): number => vms.filter(({ stack }) => one.node.stack.engine.nextHop(stack.hid) !== undefined).length;
  network.runFor(5000);
  const bound = held();
  const before = gateway.counters.get('binding:accepted');
  network.runFor(10_500);
  const renewals = gateway.counters.get('binding:accepted') - before;
  const boundLater = held();

  const movers = vms.slice(0, moving);
  const invariants = new RouteInvariants(
    network,
    movers.map(({ stack }) => stack.hid),
    [one.ad, two.ad],
  );
  const movedAt = network.now;
  for (const [index, vm] of movers.entries()) {
    network.disconnect(vm.links.get(vm.stack.faces.byName('up')!)!);
    plug(index, there);
    vm.enter((now) => vm.stack.mobility.hint('link', now));
  }
  const moveMs = movers.map(() => Number.NaN);
  const isThere = (vm: SimNode, index: number): boolean => {
    if (vm.stack.ad?.equals(two.ad) !== true) return false;
    const from = [one.node, two.node, here[Math.floor(index / vmsOfHost)]!];
    return from.every((node) => [one.ad, two.ad].every((ad) => invariants.reaches(node, vm.stack.hid, ad)));
  };
  let seen = -1;
  network.runUntil(() => {
    if (seen === invariants.changes) return false;
    seen = invariants.changes;
    let isDone = true;
    for (const [index, vm] of movers.entries()) {
      if (!Number.isNaN(moveMs[index]!)) continue;
      if (isThere(vm, index)) moveMs[index] = network.now - movedAt;
      else isDone = false;
    }
    return isDone;
  }, 5000);
  return { bound, boundLater, renewals, moveMs, fault: invariants.fault };
}
