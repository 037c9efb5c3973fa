import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RoutingKind, encodeHave, encodeRoutingStatement } from '../../../xia-core/src/wire/routing-messages.js';
import { sealHello } from '../../../xia-core/src/wire/routing-statements.js';
import type { Xid } from '../../../xia-core/src/xid/index.js';
import { cheapIdentity } from '../mobility/support/cheap-crypto.js';
import { differences } from './support/oracle.js';
import {
  RoutingWorld,
  WALL_START,
  adOf,
  announcementOf,
  certificateFor,
  hidOf,
  hostOf,
  type SimOptions,
  type SimRouter,
} from './support/routing-world.js';

interface Scene {
  readonly world: RoutingWorld;
  readonly victim: SimRouter;
  readonly friend: SimRouter;
  /** Sends a message to the victim as if it came from the neighbour. */
  readonly attack: (message: Uint8Array, neighbour?: number) => void;
}

/** Two routers of AD 1 and one of AD 2 behind the friend; everything has converged. */
function scene(options: SimOptions = {}): Scene {
  const world = new RoutingWorld(1);
  const [victim, friend] = [world.addRouter(1, options), world.addRouter(1)];
  world.connect([victim, friend]);
  world.connect([friend, world.addRouter(2)]);
  world.runUntil(() => differences(world).length === 0);
  const attack = (message: Uint8Array, neighbour = 2): void =>
    victim.machine.handleMessage(1, neighbour, message, world.now, victim.wallNow);
  return { world, victim, friend, attack };
}

const counter = ({ machine }: SimRouter, name: string): number => machine.counters.toJSON()[name] ?? 0;

const helloOf = (number: number, ad: number, body: object = {}, identity = cheapIdentity(number)): Uint8Array =>
  encodeRoutingStatement(
    RoutingKind.HELLO,
    sealHello(
      {
        ad: adOf(ad),
        hid: hidOf(number),
        instance: WALL_START * 1.5,
        sequence: 1e9,
        helloMs: 150,
        deadMs: 600,
        challenge: new Uint8Array(8),
        heard: [],
        certificate: certificateFor(ad, cheapIdentity(number)),
        ...body,
      },
      identity,
    ),
  );

describe('an announcement', () => {
  const links: Array<[Xid, number]> = [[hidOf(1), 1]];
  const damaged = announcementOf(3, 2, { links });
  damaged[60]! ^= 1;
  it.each<[string, Uint8Array]>([
    ['bad-signature', damaged],
    ['wrong-signer', announcementOf(3, 2, { links }, cheapIdentity(7))],
    ['bad-certificate', announcementOf(3, 2, { links, certificate: certificateFor(2, cheapIdentity(7)) })],
    ['bad-certificate', announcementOf(9, 1, { links, certificate: certificateFor(2, cheapIdentity(9)) })],
    ['expired', announcementOf(3, 2, { links, issuedMs: WALL_START - 100_000 })],
    ['future', announcementOf(3, 2, { links, issuedMs: WALL_START + 100_000_000 })],
    ['foreign-hosts', announcementOf(3, 2, { fragment: 16, hosts: [[hostOf(1), 1]] })],
    ['old', announcementOf(3, 2, { links, sequence: 1 })],
    ['truncated', Uint8Array.of(RoutingKind.LINK_STATE, 8)],
  ])('that is refused as %s changes nothing', (reason, message) => {
    const { victim, attack } = scene();
    const before = JSON.stringify([...victim.routes]);
    attack(message);
    expect(counter(victim, `announcement:${reason}`)).toBe(1);
    expect(JSON.stringify([...victim.routes])).toBe(before);
  });

  it('of links that the other end does not announce makes no way', () => {
    const { victim, attack } = scene();
    attack(
      announcementOf(9, 3, {
        links: [
          [hidOf(1), 1],
          [hidOf(2), 1],
          [hidOf(3), 1],
        ],
      }),
    );
    expect(counter(victim, 'announcement:accepted')).toBeGreaterThan(0);
    expect(victim.routes.has(adOf(3).key)).toBe(false);
  });

  it('of a stranger is not looked at', () => {
    const { victim, attack } = scene();
    const before = counter(victim, 'message:not-neighbour');
    attack(announcementOf(3, 2, { links }), 77);
    expect(counter(victim, 'message:not-neighbour')).toBe(before + 1);
  });

  it('in our own name is outdone, and noticed when it goes on', () => {
    const { world, victim, friend, attack } = scene();
    const lie = (sequence: number): Uint8Array => announcementOf(1, 1, { links: [[hidOf(3), 1]], sequence });
    for (let turn = 1; turn <= 3; turn++) {
      attack(lie(WALL_START + 1_000_000 * turn));
      world.run(2000);
    }
    expect(victim.events.filter(({ kind }) => kind === 'alarm')).toEqual([
      { kind: 'alarm', reason: 'own-sequence-ahead', sequence: WALL_START + 3_000_000 },
    ]);
    const said = [...friend.machine.lsdb(world.now)].find(({ router }) => router.equals(victim.hid));
    expect(said?.links.map(({ hid }) => hid.key)).toEqual([hidOf(2).key]);
    expect(said?.sequence).toBeGreaterThan(WALL_START + 3_000_000);
  });

  it('of many routers that are not there takes bounded room, and what can be reached stays', () => {
    const { victim, attack } = scene({ limits: { maxForeignRouters: 8, maxOwnRouters: 8, maxHosts: 40, maxHostFragments: 4 } });
    const before = JSON.stringify([...victim.routes]);
    for (let number = 100; number < 200; number++) {
      attack(announcementOf(number, number % 2 === 0 ? 1 : 5, { links: [[hidOf(1), 1]] }));
      attack(announcementOf(number, 1, { fragment: 16, hosts: Array.from({ length: 20 }, (_, index) => [hostOf(index), 9]) }));
    }
    for (const { name, used, bound } of victim.machine.gauges()) expect([name, used <= bound]).toEqual([name, true]);
    expect(JSON.stringify([...victim.routes])).toBe(before);
  });
});

describe('a hello', () => {
  it('of a dead neighbour keeps it alive by no replay', () => {
    const { world, victim, friend, attack } = scene();
    const heard: Uint8Array[] = [];
    world.tap = (from, payload) => {
      if (from === friend && payload[0] === RoutingKind.HELLO) heard.push(payload);
      return true;
    };
    world.run(1000);
    friend.isAlive = false;
    for (let turn = 0; turn < 40; turn++) {
      for (const message of heard) attack(message);
      world.run(50);
    }
    expect(heard.length).toBeGreaterThan(5);
    expect(victim.events.at(-1)).toMatchObject({ kind: 'neighbour-down', hid: friend.hid });
    expect([...victim.machine.neighbours(world.now)].filter(({ state }) => state === 'up')).toEqual([]);
    expect(victim.routes.size).toBe(0);
  });

  it.each<[string, Uint8Array]>([
    ['wrong-signer', helloOf(2, 1, {}, cheapIdentity(7))],
    ['bad-certificate', helloOf(9, 1, { certificate: certificateFor(2, cheapIdentity(9)) })],
    ['own', helloOf(1, 1)],
    ['replayed', helloOf(2, 1, { instance: 1 })],
    ['stale-answer', helloOf(2, 1, { instance: WALL_START, heard: [[hidOf(1), new Uint8Array(8)]] })],
  ])('that is refused as %s moves nobody', (reason, message) => {
    const { victim, attack } = scene();
    const before = victim.events.length;
    attack(message);
    expect(counter(victim, `hello:${reason}`)).toBe(1);
    expect(victim.events.length).toBe(before);
  });

  it('of a hundred strangers takes bounded room, and those who are up stay', () => {
    const { victim, friend, attack } = scene();
    for (let number = 100; number < 200; number++) attack(helloOf(number, 4), number);
    const known = [...victim.machine.neighbours(0)];
    expect(known.length).toBeLessThanOrEqual(16);
    expect(known.find(({ state }) => state === 'up')?.hid.key).toBe(friend.hid.key);
  });
});

describe('a HAVE, which nobody signs', () => {
  const told = ({ friend, world }: Scene): boolean =>
    [...friend.machine.lsdb(world.now)].some(({ router, hosts }) => router.equals(hidOf(1)) && hosts === 1);
  const forged = (sequence: number): Uint8Array => encodeHave([0, 16].map((fragment) => ({ router: hidOf(1), fragment, sequence })));

  /** The victim has news for its friend, and the link loses it; then somebody says that the friend has it. */
  function withNews(neighbour: number): Scene {
    const all = scene();
    const { world, victim, attack } = all;
    world.loss = 1;
    victim.machine.setHost(hostOf(1), 5, world.now);
    world.run(10);
    attack(forged(Number.MAX_SAFE_INTEGER), neighbour);
    world.run(1);
    world.loss = 0;
    return all;
  }

  it('of a stranger keeps no news from a neighbour', () => {
    const all = withNews(77);
    all.world.run(2000);
    expect(told(all)).toBe(true);
  });

  it('of who poses as the neighbour keeps news from it until the next refresh at most', () => {
    const all = withNews(2);
    all.world.run(1000);
    expect(told(all)).toBe(false);
    all.world.run(25_000);
    expect(told(all)).toBe(true);
  });
});

describe('messages without end', () => {
  it('are cut off before a signature is looked at', () => {
    const { victim, attack } = scene({ limits: { messagesPerSecond: 50 } });
    for (let turn = 0; turn < 200; turn++) attack(announcementOf(100 + turn, 5, {}), 33);
    expect(counter(victim, 'message:rate-limited')).toBe(150);
  });

  it('that nobody sent never throw, and turn no route', () => {
    const { victim, attack } = scene({ limits: { messagesPerSecond: 1e9 } });
    const real = [
      announcementOf(3, 2, { links: [[hidOf(2), 1]] }),
      announcementOf(2, 1, { fragment: 16, hosts: [[hostOf(1), 5]] }),
      helloOf(9, 4),
      encodeHave([{ router: hidOf(1), fragment: 0, sequence: 1 }]),
    ];
    const before = JSON.stringify([...victim.routes]);
    const edit = fc.record({ at: fc.nat(900), value: fc.nat(255) });
    const edits = fc.array(edit, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.nat(real.length - 1), edits, fc.option(fc.nat(900)), fc.nat(3), (index, changes, cut, neighbour) => {
        const bytes = real[index]!.slice(0, cut ?? undefined);
        for (const { at, value } of changes) if (at < bytes.length) bytes[at] = value;
        if (Buffer.compare(bytes, real[index]!) !== 0) attack(bytes, neighbour);
        expect(JSON.stringify([...victim.routes])).toBe(before);
      }),
      { numRuns: 500 },
    );
  });

  it('of random bytes never throw', () => {
    const { attack } = scene();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1200 }), fc.nat(4), (bytes, kind) => attack(Uint8Array.of(kind, ...bytes))),
      { numRuns: 300 },
    );
  });
});
