import { describe, expect, it } from 'vitest';
import { RoutingKind } from '../../../xia-core/src/wire/routing-messages.js';
import { differences } from './support/oracle.js';
import { RoutingWorld, adOf, hidOf, hostOf, type SimRouter } from './support/routing-world.js';

function converge(world: RoutingWorld, limitMs = 1000): void {
  const tookMs = world.runUntil(() => differences(world).length === 0);
  expect(differences(world)).toEqual([]);
  expect(tookMs).toBeLessThan(limitMs);
}

function pair(world: RoutingWorld): [SimRouter, SimRouter] {
  return [world.addRouter(1), world.addRouter(1)];
}

const counter = ({ machine }: SimRouter, name: string): number => machine.counters.toJSON()[name] ?? 0;

describe('a line of routers', () => {
  const world = new RoutingWorld(1);
  const routers = [1, 1, 2, 3, 3].map((ad) => world.addRouter(ad));
  for (let index = 1; index < routers.length; index++) world.connect(routers.slice(index - 1, index + 1), 10);

  it('converges a few round trips after it was switched on', () => {
    converge(world, 200);
    expect(routers[0]!.routes.get(adOf(3).key)).toMatchObject({ hop: { face: 1, neighbour: 2 }, cost: 30 });
  });

  it('shows who is up, and what everybody said', () => {
    expect([...routers[1]!.machine.neighbours(world.now)].map(({ hid, state, cost }) => [hid.key, state, cost])).toEqual([
      [hidOf(1).key, 'up', 10],
      [hidOf(3).key, 'up', 10],
    ]);
    const announced = [...routers[4]!.machine.lsdb(world.now)].map(({ router, fragment, links }) => [router.key, fragment, links.length]);
    expect(announced.toSorted()).toEqual(routers.map(({ hid }, index) => [hid.key, 0, index === 0 || index === 4 ? 1 : 2]).toSorted());
    for (const { name, used, highWater, bound } of routers[0]!.machine.gauges()) {
      expect([name, used <= highWater && highWater <= bound]).toEqual([name, true]);
    }
  });

  it('stays as it is for minutes, without a route told again or an announcement too many', () => {
    const told = routers.map(({ events }) => events.length);
    const computed = routers.map((router) => counter(router, 'paths:computed'));
    world.run(120_000);
    expect(differences(world)).toEqual([]);
    expect(routers.map(({ events }) => events.length)).toEqual(told);
    expect(routers.map((router) => counter(router, 'paths:computed'))).toEqual(computed);
    expect(counter(routers[0]!, 'announcement:made')).toBeLessThan(12);
  });

  it('forgets a router that is gone after the lifetime of what it said', () => {
    routers[4]!.isAlive = false;
    converge(world);
    world.run(61_000);
    expect([...routers[0]!.machine.lsdb(world.now)].some(({ router }) => router.equals(hidOf(5)))).toBe(false);
  });
});

describe('an AD', () => {
  it('in two parts finds together again, and its hosts are where they were bound last', () => {
    const world = new RoutingWorld(2);
    const [a, b] = pair(world);
    const link = world.connect([a, b]);
    a.hosts.set(1, 5);
    a.machine.setHost(hostOf(1), 5, 0);
    converge(world);
    link.isUp = false;
    converge(world);
    b.hosts.set(1, 6);
    b.machine.setHost(hostOf(1), 6, world.now);
    world.run(500);
    link.isUp = true;
    converge(world);
    expect(a.routes.get(hostOf(1).key)).toBeDefined();
    expect(a.events.filter(({ kind }) => kind === 'host-elsewhere')).toEqual([
      { kind: 'host-elsewhere', hid: hostOf(1), sequence: 6, router: b.hid },
    ]);
  });

  it('is reached at its nearest router, and at another one when that dies', () => {
    const world = new RoutingWorld(3);
    const start = world.addRouter(1);
    const [near, far] = [world.addRouter(2), world.addRouter(2)];
    world.connect([start, near], 1);
    world.connect([start, far], 5);
    world.connect([near, far], 1);
    converge(world);
    expect(start.routes.get(adOf(2).key)).toMatchObject({ hop: { face: 1 }, cost: 1 });
    near.isAlive = false;
    converge(world);
    expect(start.routes.get(adOf(2).key)).toMatchObject({ hop: { face: 2 }, cost: 5 });
  });
});

describe('two links to one neighbour', () => {
  it('are one link by the cheaper, and the other takes over', () => {
    const world = new RoutingWorld(4);
    const [a, b] = pair(world);
    const cheap = world.connect([a, b], 2);
    world.connect([a, b], 7);
    converge(world);
    expect(a.routes.get(b.hid.key)).toMatchObject({ hop: { face: 1 }, cost: 2 });
    cheap.isUp = false;
    converge(world);
    expect(a.routes.get(b.hid.key)).toMatchObject({ hop: { face: 2 }, cost: 7 });
  });
});

describe('hosts', () => {
  it('a thousand in a burst make few announcements, and the first leaves at once', () => {
    const world = new RoutingWorld(5);
    const [a, b] = pair(world);
    world.connect([a, b]);
    converge(world);
    const before = counter(a, 'announcement:made');
    let sent = 0;
    world.tap = (from, payload) => {
      if (from === a && payload[0] === RoutingKind.LINK_STATE) sent += 1;
      return true;
    };
    for (let host = 0; host < 1000; host++) {
      a.hosts.set(host, 1);
      a.machine.setHost(hostOf(host), 1, world.now);
      if (host === 0) expect(sent).toBe(1);
    }
    converge(world, 100);
    expect(counter(a, 'announcement:made') - before).toBeLessThanOrEqual(51);
  });

  it('that are no longer there leave an empty announcement, which ages out', () => {
    const world = new RoutingWorld(6);
    const [a, b] = pair(world);
    world.connect([a, b]);
    a.machine.setHost(hostOf(1), 1, 0);
    a.hosts.set(1, 1);
    converge(world);
    a.hosts.delete(1);
    a.machine.removeHost(hostOf(1), world.now);
    converge(world, 100);
    expect([...b.machine.lsdb(world.now)].some(({ fragment, hosts }) => fragment > 0 && hosts === 0)).toBe(true);
    world.run(61_000);
    expect([...b.machine.lsdb(world.now)].some(({ fragment }) => fragment > 0)).toBe(false);
  });
});

describe('a router that was asleep', () => {
  it('does not take its neighbours for dead: their hellos wait in its buffer', () => {
    const world = new RoutingWorld(7);
    const a = world.addRouter(1);
    const b = world.addRouter(1, { timers: { deadMs: 5000 } });
    world.connect([a, b]);
    converge(world);
    // The neighbour is more patient than the router, so only the sleeper could think that the other is gone.
    b.machine.setHost(hostOf(9), 1, world.now);
    a.stalledUntilMs = world.now + 2000;
    world.run(4000);
    expect(a.events.filter(({ kind }) => kind === 'neighbour-down')).toEqual([]);
    expect(counter(a, 'neighbour:forgiven')).toBe(1);
  });
});

describe('a face', () => {
  it('that is removed takes its neighbours along at once', () => {
    const world = new RoutingWorld(8);
    const [a, b] = pair(world);
    world.connect([a, b]);
    converge(world);
    a.machine.faceRemoved(1, world.now, 2);
    expect(a.routes.size).toBe(0);
    expect(a.events.at(-1)).toMatchObject({ kind: 'neighbour-down', hid: b.hid });
  });
});

describe('two hundred routers with five thousand hosts', () => {
  it('converge', () => {
    const world = new RoutingWorld(9);
    const timers = { helloMs: 2000, deadMs: 8000 };
    for (let index = 0; index < 200; index++) {
      const router = world.addRouter(1 + (index % 4), { timers });
      if (index > 0) world.connect([router, world.routers[index >> 1]!], 1 + (index % 3));
      for (let host = 0; host < 25; host++) {
        router.hosts.set(index * 25 + host, 1);
        router.machine.setHost(hostOf(index * 25 + host), 1, 0);
      }
    }
    world.runUntil(() => world.now >= 600);
    expect(world.routers[0]!.machine.gauges().find(({ name }) => name.includes('other ADs'))!.used).toBe(150);
    expect(counter(world.routers[0]!, 'paths:computed')).toBeLessThan(12);
  });
});
