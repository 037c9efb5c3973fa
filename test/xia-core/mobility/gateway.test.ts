import { beforeEach, describe, expect, it } from 'vitest';
import { MobilityKind, encodePatchAck } from '../../../xia-core/src/wire/mobility-messages.js';
import { ACCESS, Bench, PEER, WALL, adOf, bindingMessage, bindingOf, hidOf, keys } from './support/bench.js';

const guest = hidOf(keys.guest);
const here = { face: ACCESS, neighbour: 7 };
const elsewhere = { face: ACCESS, neighbour: 8 };

describe('a gateway', () => {
  let router: Bench;
  const bind = (changes: Parameters<typeof bindingOf>[1] = {}, hop = here, signer = keys.guest): void =>
    router.receive(hop.face, hop.neighbour, bindingMessage(bindingOf(router.lastBeacon(), changes, signer)));
  const count = (name: string): number => router.mobility.counters.toJSON()[name] ?? 0;

  beforeEach(() => {
    router = Bench.router();
  });

  it('accepts a binding, routes the HID, and says so', () => {
    bind();
    expect(router.routes.get(guest.key)).toEqual(here);
    expect(router.lastAck()).toMatchObject({ hid: guest, sequence: 100, status: 'ok', lifetimeMs: 30_000 });
    expect(router.events.at(-1)).toMatchObject({ kind: 'bound', hid: guest, hop: here, sequence: 100 });
  });

  it('grants no more than it wants to', () => {
    bind({ lifetimeMs: 3_600_000 });
    expect(router.lastAck()?.lifetimeMs).toBe(120_000);
  });

  it('answers a repeated binding with the same ack and changes nothing', () => {
    bind();
    const ack = router.sentOf(MobilityKind.BINDING_ACK)[0]!.message;
    bind();
    expect(router.sentOf(MobilityKind.BINDING_ACK)[1]!.message).toEqual(ack);
    expect(count('binding:repeated')).toBe(1);
    expect(router.events.filter(({ kind }) => kind === 'bound')).toHaveLength(1);
  });

  it('does not turn to where a known binding is replayed from', () => {
    bind();
    bind({}, elsewhere);
    expect(router.routes.get(guest.key)).toEqual(here);
    expect(count('binding:replayed')).toBe(1);
  });

  it('refuses a lower sequence', () => {
    bind();
    bind({ sequence: 99 }, elsewhere);
    expect(router.routes.get(guest.key)).toEqual(here);
    expect(router.lastAck()).toMatchObject({ sequence: 99, status: 'stale' });
  });

  it('refuses a token that is not its own, or older than two epochs', () => {
    bind({ token: new Uint8Array(16) });
    expect(router.lastAck()?.status).toBe('bad-token');
    const old = router.lastBeacon().token;
    router.pass(25_000);
    bind({ token: old, sequence: 101 });
    expect(router.lastAck()).toMatchObject({ sequence: 101, status: 'bad-token' });
    expect(router.routes.size).toBe(0);
  });

  it('takes the previous token', () => {
    const old = router.lastBeacon().token;
    router.pass(10_000);
    expect(router.lastBeacon().token).not.toEqual(old);
    bind({ token: old });
    expect(router.lastAck()?.status).toBe('ok');
  });

  it.each([
    ['signed by another key', () => bind({}, here, keys.mallory), 'binding:wrong-signer'],
    ['for another router', () => bind({ router: hidOf(keys.otherRouter) }), 'binding:wrong-gateway'],
    ['for another AD', () => bind({ ad: adOf(keys.otherAd) }), 'binding:wrong-gateway'],
    ['of the gateway itself', () => bind({ hid: hidOf(keys.router) }, here, keys.router), 'binding:own-hid'],
    ['from another router', () => bind({}, { face: PEER, neighbour: 1 }), 'binding:not-access'],
  ])('says nothing to a binding %s', (_name, send, counter) => {
    send();
    expect(count(counter)).toBe(1);
    expect(router.sentOf(MobilityKind.BINDING_ACK)).toEqual([]);
    expect(router.routes.size).toBe(0);
  });

  it('takes no binding through a host from where that host is not', () => {
    bind({ hid: hidOf(keys.host) }, here, keys.host);
    bind({ accessPoint: hidOf(keys.host) }, elsewhere);
    expect(count('binding:replayed')).toBe(1);
    bind({ accessPoint: hidOf(keys.host) }, here);
    expect(router.routes.get(guest.key)).toEqual(here);
  });

  it('counts a binding with a changed signature, cut, or too long', () => {
    const binding = bindingOf(router.lastBeacon());
    const forged = binding.slice();
    forged[40]! ^= 1;
    router.receive(ACCESS, 7, bindingMessage(forged));
    expect(count('binding:bad-signature')).toBe(1);
    router.receive(ACCESS, 7, bindingMessage(binding).subarray(0, -1));
    expect(count('message:truncated')).toBe(1);
    router.receive(ACCESS, 7, new Uint8Array(2049).fill(3));
    expect(count('message:oversized')).toBe(1);
    router.receive(ACCESS, 7, Uint8Array.of(99, 0x80));
    expect(count('message:unknown-kind')).toBe(1);
    expect(router.routes.size).toBe(0);
  });

  it('limits the bindings of one HID', () => {
    for (let sequence = 100; sequence < 150; sequence++) bind({ sequence });
    expect(router.lastAck()?.status).toBe('rate-limited');
    expect(count('binding:accepted')).toBe(20);
  });

  it('limits the messages of one neighbour before it looks at them', () => {
    router = Bench.router({ messagesPerSecond: 10 });
    for (let sequence = 100; sequence < 120; sequence++) bind({ sequence });
    expect(count('binding:rate-limited')).toBe(10);
  });

  it('refuses a HID that there is no room for, until another one is forgotten', () => {
    router = Bench.router({ maxBindings: 1 });
    bind();
    const mallory = { hid: hidOf(keys.mallory) };
    bind(mallory, elsewhere, keys.mallory);
    expect(router.lastAck()?.status).toBe('table-full');
    bind({ sequence: 101, lifetimeMs: 0 });
    bind({ ...mallory, sequence: 101 }, elsewhere, keys.mallory);
    expect(router.lastAck()?.status).toBe('ok');
  });

  it('freezes a HID that moves too often, raises an alarm, and still lets it renew', () => {
    for (let move = 0; move <= 6; move++) {
      bind({ sequence: 100 + move }, move % 2 === 0 ? here : elsewhere);
      router.pass(1000);
    }
    expect(router.lastAck()).toMatchObject({ sequence: 106, status: 'frozen' });
    expect(router.events.filter(({ kind }) => kind === 'frozen')).toEqual([{ kind: 'frozen', hid: guest, moves: 5 }]);
    expect(router.routes.get(guest.key)).toEqual(elsewhere);
    bind({ sequence: 107 }, elsewhere);
    expect(router.lastAck()?.status).toBe('ok');
    router.pass(10_000);
    bind({ sequence: 108 }, here);
    expect(router.lastAck()?.status).toBe('frozen');
    router.pass(180_000);
    bind({ sequence: 109 }, here);
    expect(router.lastAck()?.status).toBe('ok');
  });

  it('drops the route when the binding is not renewed, and keeps the sequence for a while', () => {
    bind({ lifetimeMs: 5000 });
    router.pass(6000);
    expect(router.routes.size).toBe(0);
    expect(router.events.at(-1)).toEqual({ kind: 'expired', hid: guest });
    bind({ sequence: 99 });
    expect(router.lastAck()?.status).toBe('stale');
    router.pass(120_000);
    expect([...router.mobility.bindings()]).toEqual([]);
  });

  it('forgets a detached node', () => {
    bind();
    bind({ sequence: 101, lifetimeMs: 0 });
    expect(router.lastAck()).toMatchObject({ sequence: 101, status: 'ok', lifetimeMs: 0 });
    expect(router.routes.size).toBe(0);
    bind({ sequence: 101, lifetimeMs: 0 });
    expect(count('binding:repeated')).toBe(1);
  });

  it('drops routes over a face or to a neighbour that is gone', () => {
    bind();
    router.mobility.faceRemoved(ACCESS, router.now, 9);
    expect(router.routes.size).toBe(1);
    router.mobility.faceRemoved(ACCESS, router.now, 7);
    expect(router.routes.size).toBe(0);
    bind({ sequence: 99 });
    expect(router.lastAck()?.status).toBe('stale');
  });

  describe('patching', () => {
    const peer = { face: PEER, neighbour: 0 };

    it('tells the hop that was replaced and the ways to the former ADs, each once', () => {
      router.adRoutes.set(adOf(keys.otherAd).key, peer);
      bind({ accessPoint: hidOf(keys.host) });
      bind({ sequence: 101, accessPoint: hidOf(keys.host), previousAds: [adOf(keys.otherAd), adOf(keys.mallory)] }, elsewhere);
      const patched = router.sentOf(MobilityKind.PATCH).map(({ face, neighbour }) => ({ face, neighbour }));
      expect(patched).toEqual([here, peer]);
    });

    it('does not tell the node itself where it has gone', () => {
      bind();
      bind({ sequence: 101 }, elsewhere);
      expect(router.sentOf(MobilityKind.PATCH)).toEqual([]);
    });

    it('repeats a patch with growing pauses, eight times, then gives up', () => {
      router.adRoutes.set(adOf(keys.otherAd).key, peer);
      bind({ previousAds: [adOf(keys.otherAd)] });
      const times: number[] = [];
      for (let step = 0; step < 10_000; step += 10) {
        while (times.length < router.sentOf(MobilityKind.PATCH).length) times.push(step);
        router.pass(10);
      }
      expect(times.map((at, index) => (index === 0 ? 0 : at - times[index - 1]!))).toEqual([0, 50, 100, 200, 400, 800, 1000, 1000]);
      expect(router.events.at(-1)).toMatchObject({ kind: 'patch-failed', hid: guest, sequence: 100 });
      expect(count('patch:unanswered')).toBe(1);
    });

    it('is quiet when it was answered, by this or a later sequence', () => {
      router.adRoutes.set(adOf(keys.otherAd).key, peer);
      bind({ previousAds: [adOf(keys.otherAd)] });
      router.receive(PEER, 4, encodePatchAck({ hid: guest, sequence: 99 }));
      router.receive(ACCESS, 4, encodePatchAck({ hid: guest, sequence: 100 }));
      expect(count('patch-ack:unmatched')).toBe(2);
      router.receive(PEER, 4, encodePatchAck({ hid: guest, sequence: 100 }));
      router.pass(5000);
      expect(router.sentOf(MobilityKind.PATCH)).toHaveLength(1);
    });
  });

  it('sends its beacon at its interval, and at once to who asks', () => {
    router.pass(1000);
    const beacons = router.sentOf(MobilityKind.BEACON);
    expect(beacons.length).toBeGreaterThanOrEqual(10);
    expect(beacons.every(({ face, neighbour }) => face === ACCESS && neighbour === 0)).toBe(true);
    expect(router.lastBeacon().issuedMs).toBeGreaterThan(WALL);
    router.mobility.greet(here, undefined, router.now, router.wall());
    expect(router.sentOf(MobilityKind.BEACON).at(-1)).toMatchObject(here);
  });
});
