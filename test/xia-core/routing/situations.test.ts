import { describe, expect, it } from 'vitest';
import { RoutingKind } from '../../../xia-core/src/wire/routing-messages.js';
import { differences } from './support/oracle.js';
import type { Xid } from '../../../xia-core/src/xid/index.js';
import { RoutingWorld, adOf, announcementOf, hidOf, hostOf, type SimRouter } from './support/routing-world.js';

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
  const timers = { refreshMs: 2000, maxAgeMs: 5000 };
  const routers = [1, 1, 2, 3, 3].map((ad) => world.addRouter(ad, { timers }));
  for (let index = 1; index < routers.length; index++) world.connect(routers.slice(index - 1, index + 1), 10);

  it('converges a few round trips after it was switched on', () => {
    converge(world, 200);
    expect(routers[0]!.routes.get(adOf(3).key)).toMatchObject({ hop: { face: 1, neighbour: 2 }, cost: 30 });
  });

  it('shows who is up, and what everybody said', () => {
    const heard = [...routers[1]!.machine.neighbours(world.now)].map(({ hid, state, cost }) => `${hid} ${state} ${cost}`);
    expect(heard.toSorted()).toEqual([1, 3].map((number) => `${hidOf(number)} up 10`).toSorted());
    const announced = [...routers[4]!.machine.lsdb(world.now)].map(
      ({ router, fragment, links }) => `${router} ${fragment} ${links.length}`,
    );
    expect(announced.toSorted()).toEqual(routers.map(({ hid }, index) => `${hid} 0 ${index === 0 || index === 4 ? 1 : 2}`).toSorted());
    for (const { name, used, highWater, bound } of routers[0]!.machine.gauges()) {
      expect([name, used <= highWater && highWater <= bound]).toEqual([name, true]);
    }
  });

  it('stays as it is while everything is said again, without a route told again or an announcement too many', () => {
    const told = routers.map(({ events }) => events.length);
    const computed = routers.map((router) => counter(router, 'paths:computed'));
    world.run(10_000);
    expect(differences(world)).toEqual([]);
    expect(routers.map(({ events }) => events.length)).toEqual(told);
    expect(routers.map((router) => counter(router, 'paths:computed'))).toEqual(computed);
    expect(counter(routers[0]!, 'announcement:made')).toBeLessThan(12);
  });

  it('forgets a router that is gone after the lifetime of what it said', () => {
    routers[4]!.isAlive = false;
    converge(world);
    world.run(5000);
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
    const timers = { refreshMs: 1000, maxAgeMs: 3000 };
    const [a, b] = [world.addRouter(1, { timers }), world.addRouter(1, { timers })];
    world.connect([a, b]);
    a.machine.setHost(hostOf(1), 1, 0);
    a.hosts.set(1, 1);
    converge(world);
    a.hosts.delete(1);
    a.machine.removeHost(hostOf(1), world.now);
    converge(world, 100);
    expect([...b.machine.lsdb(world.now)].some(({ fragment, hosts }) => fragment > 0 && hosts === 0)).toBe(true);
    world.run(3500);
    expect([...b.machine.lsdb(world.now)].some(({ fragment }) => fragment > 0)).toBe(false);
  });
});

describe('a router that was asleep', () => {
  it('does not take its neighbours for dead: their hellos wait in its buffer', () => {
    const world = new RoutingWorld(7);
    // It asks for patience with itself, so only the sleeper could think that the other is gone.
    const a = world.addRouter(1, { timers: { deadMs: 5000 } });
    const b = world.addRouter(1);
    world.connect([a, b]);
    converge(world);
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

describe('a router that takes leave', () => {
  it('is given up by its neighbours at once, not when it has been silent for long', () => {
    const world = new RoutingWorld(10);
    const [a, b] = pair(world);
    world.connect([a, b]);
    converge(world);
    a.machine.takeLeave();
    a.isAlive = false;
    world.run(20);
    expect(b.events.at(-1)).toMatchObject({ kind: 'neighbour-down', hid: a.hid });
    expect(b.routes.size).toBe(0);
    expect(counter(b, 'neighbour:deaf')).toBe(1);
  });
});

describe('two hundred routers with five thousand hosts', () => {
  it('are found by one that hears of them by its neighbour', () => {
    const world = new RoutingWorld(9);
    const [a, b] = pair(world);
    world.connect([a, b]);
    converge(world);
    // A tree below the neighbour, a hundred routers of our AD and a hundred of two others.
    const adNumberOf = (number: number): number => (number < 102 ? 1 : 2 + (number % 2));
    const parentOf = (number: number): number => (number === 3 ? 2 : 1 + (number >> 1));
    const tree = Array.from({ length: 199 }, (_, index) => index + 3);
    for (const number of [2, ...tree]) {
      const ends = tree.filter((child) => parentOf(child) === number);
      const up = number === 2 ? 1 : parentOf(number);
      const links = [up, ...ends].map((end): [Xid, number] => [hidOf(end), 1]);
      a.machine.handleMessage(1, 2, announcementOf(number, adNumberOf(number), { fragment: 0, links }), world.now, a.wallNow);
    }
    for (const number of tree.filter((candidate) => adNumberOf(candidate) === 1)) {
      for (let fragment = 0; fragment < 3; fragment++) {
        const hosts = Array.from({ length: 17 }, (_, index): [Xid, number] => [hostOf(number * 60 + fragment * 20 + index), 1]);
        a.machine.handleMessage(1, 2, announcementOf(number, 1, { fragment: 16 + fragment, hosts }), world.now, a.wallNow);
      }
    }
    const computed = counter(a, 'paths:computed');
    a.machine.handleTimeout(world.now + 300, a.wallNow + 300);
    expect(counter(a, 'paths:computed')).toBe(computed + 1);
    const [routers, hosts, ads] = [100, 99 * 51, 2];
    expect(a.routes.size).toBe(routers + hosts + ads);
    expect(a.routes.get(hostOf(101 * 60).key)?.cost).toBe(a.routes.get(hidOf(101).key)?.cost);
  });
});
