import { beforeEach, describe, expect, it } from 'vitest';
import {
  MobilityKind,
  encodeBeaconMessage,
  encodeBindingAckMessage,
  encodeNotice,
  encodePrepared,
  encodeSolicit,
} from '../../../xia-core/src/wire/mobility-messages.js';
import type { Beacon } from '../../../xia-core/src/wire/mobility-statements.js';

import { ACCESS, Bench, UPLINK, bindingMessage, bindingOf, hidOf, keys, readAck } from './support/bench.js';
import { otherRouter, readBinding, relayed, there } from './support/prepared.js';

const guest = hidOf(keys.guest);
const host = hidOf(keys.host);
const STATION = '52:54:00:12:34:56';
const WIRE = { face: ACCESS, neighbour: 7 };
const OTHER_WIRE = { face: ACCESS, neighbour: 8 };

/** A host that is attached to a router; what one sends the other hears when the test says so. */
class Pair {
  readonly router = Bench.router();
  readonly host = new Bench({ kind: 'host', mtu: 1400 }, keys.host);
  readonly beacon: Beacon = this.router.lastBeacon();

  constructor() {
    this.exchange();
    this.exchange();
    expect(this.host.mobility.attachmentState).toBe('bound');
    this.host.sent.length = 0;
  }

  /** What the router has to say, then what the host has. */
  exchange(): void {
    for (const { message } of this.router.sent.splice(0)) {
      if (message.kind === MobilityKind.BEACON) this.host.receive(UPLINK, 1, encodeBeaconMessage(message));
      if (message.kind === MobilityKind.BINDING_ACK) this.host.receive(UPLINK, 1, encodeBindingAckMessage(message));
    }
    for (const { face, message } of this.host.sent) {
      if (face === UPLINK && message.kind === MobilityKind.BINDING) this.router.receive(ACCESS, 5, bindingMessage(message.binding));
    }
  }

  get guests() {
    return this.host.mobility.guests!;
  }

  count(name: string): number {
    return this.host.mobility.counters.toJSON()[name] ?? 0;
  }
}

describe('a host that a guest is to come to', () => {
  let pair: Pair;
  let bench: Bench;
  const signed = (changes: Parameters<typeof bindingOf>[1] = {}, signer = keys.guest) =>
    bindingOf(pair.beacon, { accessPoint: host, sequence: 500, ...changes }, signer);
  const expectGuest = (lifetimeMs = 60_000) => pair.guests.expect(guest, lifetimeMs, bench.now, bench.wall());
  const take = (binding = signed(), station: string | undefined = STATION, of = guest) =>
    pair.guests.takePrepared(of, binding, station, bench.now);
  const appears = (hop = WIRE, station?: string) => bench.mobility.greet(hop, station, bench.now, bench.wall());
  const passedUp = () => bench.sentOf(MobilityKind.BINDING).filter(({ face }) => face === UPLINK).length;
  beforeEach(() => {
    pair = new Pair();
    bench = pair.host;
  });

  it('sends up what the guest has signed when that announces itself, and passes the answer down', () => {
    expectGuest();
    expect(take()).toBeUndefined();
    expect([bench.routes.has(guest.key), passedUp()], 'not before').toEqual([false, 0]);
    appears(WIRE);
    expect(passedUp(), 'it is only plugged in').toBe(0);
    appears(WIRE, STATION);
    expect(bench.routes.get(guest.key)).toEqual(WIRE);
    pair.exchange();
    expect(pair.router.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 5 });
    pair.exchange();
    expect(bench.sentOf(MobilityKind.BINDING_ACK).at(-1)).toMatchObject(WIRE);
    expect(bench.mobility.binding(guest)?.state).toBe('live');
  });

  it('turns its way before it runs when it is told that the guest is its own, and lets the packets wait until it runs', () => {
    expectGuest();
    appears(WIRE);
    take();
    pair.guests.arriving(guest, bench.now, bench.wall());
    expect(passedUp()).toBe(1);
    expect(bench.holding.get(guest.key)).toEqual({ from: undefined, towards: undefined });
    pair.exchange();
    pair.exchange();
    expect(bench.holding.has(guest.key), 'accepted, and not there yet').toBe(true);
    bench.sent.length = 0;
    pair.guests.runs(guest, bench.now, bench.wall());
    expect(bench.routes.get(guest.key)).toEqual(WIRE);
    expect(bench.sentOf(MobilityKind.BINDING_ACK), 'once more, since it was not there to hear it').toMatchObject([WIRE]);
  });

  it('lets them wait for five seconds, and no longer than until the gateway has refused', () => {
    expectGuest();
    appears(WIRE);
    take();
    pair.guests.arriving(guest, bench.now, bench.wall());
    pair.exchange();
    pair.exchange();
    bench.pass(5001);
    expect(bench.holding.has(guest.key)).toBe(false);
    pair = new Pair();
    bench = pair.host;
    pair.router.receive(ACCESS, 6, bindingMessage(bindingOf(pair.beacon, { sequence: 900 })));
    expectGuest();
    appears(WIRE);
    take();
    pair.guests.arriving(guest, bench.now, bench.wall());
    pair.exchange();
    pair.exchange();
    expect([bench.holding.size, bench.routes.size]).toEqual([0, 0]);
  });

  it('sends it up again until it is answered', () => {
    expectGuest();
    take();
    appears(WIRE, STATION);
    bench.pass(150);
    expect(passedUp()).toBe(4);
    pair.exchange();
    pair.exchange();
    bench.sent.length = 0;
    bench.pass(2000);
    expect(passedUp()).toBe(0);
  });

  it('is told by who it is where there are several wires, and waits where it cannot know', () => {
    expectGuest();
    take();
    appears(WIRE);
    appears(OTHER_WIRE);
    pair.guests.arriving(guest, bench.now, bench.wall());
    pair.guests.runs(guest, bench.now, bench.wall());
    expect(passedUp(), 'which of the two?').toBe(0);
    appears(WIRE, '52:54:00:00:00:99');
    expect(passedUp(), 'somebody else').toBe(0);
    pair.guests.runs(guest, bench.now, bench.wall());
    expect(bench.routes.get(guest.key), 'the one that nobody else is at').toEqual(OTHER_WIRE);
  });

  it('does not take the wire of another guest for its own, nor that of a copy that was given away', () => {
    bench.receive(ACCESS, 7, bindingMessage(bindingOf(pair.beacon, { hid: there_, accessPoint: host }, there)));
    expectGuest();
    take(signed(), undefined);
    appears(WIRE, STATION);
    expect(passedUp(), 'another guest is bound there').toBe(1);
    bench.receive(ACCESS, 8, bindingMessage(bindingOf(pair.beacon, { accessPoint: host, sequence: 400 })));
    pair.exchange();
    pair.exchange();
    bench.mobility.fences.raise(guest, bench.now);
    const before = passedUp();
    appears(OTHER_WIRE, STATION);
    expect(passedUp(), 'the copy').toBe(before);
    appears({ face: ACCESS, neighbour: 9 }, STATION);
    expect(passedUp()).toBe(before + 1);
    expect(bench.mobility.fences.has(guest), 'it is here again').toBe(false);
    expect(bench.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 9 });
  });

  it('knows it by its question who is there, on a wire and not elsewhere', () => {
    expectGuest();
    take();
    bench.receive(ACCESS, 7, encodeSolicit(guest));
    expect(passedUp(), 'nothing is plugged in there').toBe(0);
    appears(WIRE);
    bench.receive(ACCESS, 7, encodeSolicit(there_));
    expect(passedUp(), 'somebody else').toBe(0);
    pair.guests.arriving(guest, bench.now, bench.wall());
    bench.receive(ACCESS, 8, encodeSolicit(guest));
    expect(bench.holding.has(guest.key)).toBe(true);
    bench.receive(ACCESS, 7, encodeSolicit(guest));
    expect(bench.holding.has(guest.key)).toBe(false);
    expect(bench.routes.get(guest.key)).toEqual(WIRE);
  });

  it('goes by what the guest says itself where that is later', () => {
    expectGuest();
    appears(WIRE);
    take();
    pair.guests.arriving(guest, bench.now, bench.wall());
    bench.receive(ACCESS, 8, bindingMessage(signed({ sequence: 501 })));
    expect(bench.holding.has(guest.key)).toBe(false);
    expect(bench.routes.get(guest.key)).toEqual(OTHER_WIRE);
  });

  it.each<[string, string, () => string | undefined]>([
    ['of a guest that nobody expects', 'not-expected', () => take()],
    ['of another guest', 'wrong-guest', () => (expectGuest(), take(signed({ hid: there_ }, there)))],
    ['that somebody else has signed', 'wrong-signer', () => (expectGuest(), take(signed({}, keys.mallory)))],
    ['with a byte changed', 'bad-signature', () => (expectGuest(), take(signed().fill(1, 40, 50)))],
    ['for another access point', 'wrong-place', () => (expectGuest(), take(signed({ accessPoint: hidOf(keys.mallory) })))],
    ['for another gateway', 'wrong-place', () => (expectGuest(), take(signed({ router: hidOf(keys.otherRouter) })))],
    ['made from no beacon of its own', 'bad-token', () => (expectGuest(), take(signed({ token: new Uint8Array(16) })))],
    ['older than one that it has', 'stale', () => (expectGuest(), take(), take(signed({ sequence: 499 })))],
    ['by a host that is not attached', 'not-attached', () => (expectGuest(), bench.mobility.faceRemoved(UPLINK, bench.now), take())],
  ])('does not keep a prepared binding %s', (_name, fault, attempt) => {
    expect(attempt()).toBe(fault);
    expect(pair.count('prepared:refused')).toBe(1);
    appears(WIRE, STATION);
    expect(passedUp()).toBeLessThanOrEqual(fault === 'stale' ? 1 : 0);
  });

  it('lets it go when the guest does not come, or comes too late', () => {
    expectGuest();
    take();
    expectGuest(0);
    appears(WIRE, STATION);
    expect(passedUp()).toBe(0);
    expectGuest();
    take();
    bench.pass(20_001);
    appears(WIRE, STATION);
    expect(passedUp()).toBe(0);
    expect(pair.guests.gauges().find(({ name }) => name === 'prepared guests')?.used).toBe(0);
  });

  it('is a router, too', () => {
    const { router } = pair;
    const binding = bindingOf(pair.beacon, { sequence: 500 });
    router.mobility.guests!.expect(guest, 60_000, router.now, router.wall());
    expect(router.mobility.guests!.takePrepared(guest, binding, STATION, router.now)).toBeUndefined();
    router.mobility.greet(WIRE, STATION, router.now, router.wall());
    expect(router.routes.get(guest.key)).toEqual(WIRE);
    expect(readAck(router.sentOf(MobilityKind.BINDING_ACK).at(-1)!.message.ack)).toMatchObject({ status: 'ok', sequence: 500 });
  });
});

const there_ = hidOf(there);

describe('a host that asks its guest to prepare', () => {
  let pair: Pair;
  let bench: Bench;
  const away = otherRouter();
  const place = relayed(away, there);
  const ask = (hid = guest) => pair.guests.prepare(hid, place, bench.now, bench.wall());
  const answer = (changes: Parameters<typeof bindingOf>[1] = {}, hop = WIRE, signer = keys.guest): void =>
    bench.receive(
      hop.face,
      hop.neighbour,
      encodePrepared({ binding: bindingOf(away.lastBeacon(), { accessPoint: there_, sequence: 500, ...changes }, signer) }),
    );
  const outcomes = () => bench.events.flatMap((event) => (event.kind === 'prepared' ? [event.outcome] : []));
  beforeEach(() => {
    pair = new Pair();
    bench = pair.host;
    bench.receive(ACCESS, 7, bindingMessage(bindingOf(pair.beacon, { accessPoint: host })));
    pair.exchange();
    pair.exchange();
    bench.sent.length = 0;
  });

  it('has what it signed, and the newest of it', () => {
    expect(ask()).toBeUndefined();
    expect(bench.sentOf(MobilityKind.PREPARE)).toMatchObject([WIRE]);
    expect(pair.guests.prepared(guest)).toBeUndefined();
    answer();
    expect(outcomes()).toEqual(['ok']);
    answer({ sequence: 502 });
    expect(readBinding(pair.guests.prepared(guest)!).sequence, 'given by itself').toBe(502);
    answer({ sequence: 501 });
    expect(readBinding(pair.guests.prepared(guest)!).sequence).toBe(502);
    expect(outcomes()).toEqual(['ok']);
    bench.pass(20_001);
    expect(pair.guests.prepared(guest), 'nobody takes it any more').toBeUndefined();
  });

  it('lets the packets of a guest wait that was asked, and whose machine ends before it was said to stand still', () => {
    ask();
    bench.mobility.faceRemoved(ACCESS, bench.now, 8);
    expect(bench.holding.has(guest.key), 'another wire').toBe(false);
    bench.mobility.faceRemoved(ACCESS, bench.now, 7);
    expect(bench.holding.get(guest.key)).toMatchObject({ towards: undefined });
    const { notice } = bench.sentOf(MobilityKind.NOTICE).at(-1)!.message;
    pair.router.receive(ACCESS, 5, encodeNotice({ notice }));
    expect(pair.router.holding.has(guest.key)).toBe(true);
    bench.pass(5000);
    expect([bench.mobility.binding(guest)?.state, bench.holding.size, bench.routes.size], 'and not for ever').toEqual(['ended', 0, 0]);
  });

  it('asks six times, and gives up', () => {
    ask();
    bench.pass(5000);
    expect(bench.sentOf(MobilityKind.PREPARE)).toHaveLength(6);
    expect(outcomes()).toEqual(['unanswered']);
  });

  it('believes no other answer', () => {
    ask();
    answer({}, OTHER_WIRE);
    answer({}, { face: UPLINK, neighbour: 1 });
    answer({ hid: there_ }, WIRE, there);
    answer({}, WIRE, keys.mallory);
    answer({ accessPoint: host });
    answer({ token: new Uint8Array(16) });
    expect(
      ['prepared:unmatched', 'prepared:not-access', 'prepared:wrong-signer', 'prepared:mismatch'].map((name) => pair.count(name)),
    ).toEqual([2, 1, 1, 2]);
    expect(pair.guests.prepared(guest)).toBeUndefined();
  });

  it('takes the answer of a slow guest to the question before, while that can be of use', () => {
    const slow = away.lastBeacon();
    const asks = () => {
      away.pass(10_000);
      const asked = relayed(away, there);
      expect(pair.guests.prepare(guest, asked, bench.now, bench.wall())).toBeUndefined();
      return away.lastBeacon().token;
    };
    expect(pair.guests.prepare(guest, relayed(away, there), bench.now, bench.wall())).toBeUndefined();
    expect(asks()).not.toEqual(slow.token);
    answer({ token: slow.token });
    expect([outcomes(), pair.guests.prepared(guest) !== undefined]).toEqual([['ok'], true]);
    asks();
    asks();
    answer({ token: slow.token, sequence: 501 });
    expect([pair.count('prepared:accepted'), pair.count('prepared:mismatch')]).toEqual([1, 1]);
  });

  it('asks only who is attached to it, about places that are to be believed', () => {
    expect(ask(there_)).toBe('not-here');
    const forged = { beacon: place.beacon.slice().fill(1, 40, 50), relays: [] };
    expect(pair.guests.prepare(guest, forged, bench.now, bench.wall())).toBe('bad-signature');
    const paused = pair.guests.pause(guest, bench.now, bench.wall());
    expect([paused, ask()]).toEqual([true, 'not-here']);
    expect(bench.sentOf(MobilityKind.PREPARE)).toEqual([]);
  });
});
