import { beforeEach, describe, expect, it } from 'vitest';
import { MobilityKind, encodePatch } from '../../../xia-core/src/wire/mobility-messages.js';
import { sealBindingAck, sealCertificate, type Binding } from '../../../xia-core/src/wire/mobility-statements.js';
import { ACCESS, Bench, PEER, WALL, adOf, bindingMessage, bindingOf, hidOf, keys, otherCertificate } from './support/bench.js';

const guest = hidOf(keys.guest);
const there = adOf(keys.otherAd);
const one = { face: PEER, neighbour: 1 };
const two = { face: PEER, neighbour: 2 };

/** Another router of the bench's own AD. */
const secondCertificate = sealCertificate(
  { ad: adOf(keys.ad), hid: hidOf(keys.mallory), notBefore: WALL - 1000, notAfter: WALL + 86_400_000 },
  keys.ad,
);

function patch(sequence: number, changes: Partial<Binding> = {}): Uint8Array {
  const place = { ad: there, router: hidOf(keys.otherRouter), ...changes };
  const isHere = place.ad.equals(adOf(keys.ad));
  const binding = bindingOf({ ad: place.ad, hid: place.router, token: new Uint8Array(16) } as never, { sequence, ...changes });
  const ack = sealBindingAck(
    {
      hid: guest,
      ad: place.ad,
      router: place.router,
      sequence,
      issuedMs: WALL + 1000,
      status: 'ok',
      lifetimeMs: 30_000,
      certificate: isHere ? secondCertificate : otherCertificate,
    },
    isHere ? keys.mallory : keys.otherRouter,
  );
  return encodePatch({ binding, ack });
}

describe('a gateway whose ways turn', () => {
  let router: Bench;
  let beacon: ReturnType<Bench['lastBeacon']>;
  const patchesTo = (neighbour: number) => router.sentOf(MobilityKind.PATCH).filter((sent) => sent.neighbour === neighbour).length;

  beforeEach(() => {
    router = Bench.router();
    beacon = router.lastBeacon();
    const binding = bindingOf(beacon, { accessPoint: hidOf(keys.host), previousAds: [there] });
    router.receive(ACCESS, 7, bindingMessage(binding));
    router.sent.length = 0;
    router.adRoutes.set(there.key, two);
  });

  it('spreads the bindings of those who came from there, along the new way, and soon once more', () => {
    router.mobility.waysTurned([there], router.now);
    router.pass(1);
    expect(patchesTo(2)).toBe(1);
    router.mobility.faceRemoved(PEER, router.now, 1);
    router.pass(20_000);
    // Nobody answers here: three spreads and what is repeated of them.
    expect(patchesTo(2)).toBeGreaterThan(8);
    const before = patchesTo(2);
    router.pass(5000);
    expect(patchesTo(2)).toBe(before);
  });

  it('leaves those alone who were never there, and who are gone', () => {
    router.mobility.waysTurned([adOf(keys.mallory), hidOf(keys.mallory)], router.now);
    router.pass(30);
    expect(patchesTo(2)).toBe(0);
    router.receive(one.face, one.neighbour, patch(200));
    router.sent.length = 0;
    router.mobility.waysTurned([there], router.now);
    router.pass(30);
    expect(patchesTo(2)).toBe(0);
  });

  it('tells the router of its AD that announces the HID', () => {
    router.hidRoutes.set(guest.key, one);
    router.receive(ACCESS, 7, bindingMessage(bindingOf(beacon, { sequence: 110, accessPoint: hidOf(keys.host) })));
    expect(patchesTo(1)).toBe(1);
  });

  it('forgets the place of a guest that is elsewhere by a later binding, and tells its host when it hears where', () => {
    router.mobility.forgetPlace(guest, 100);
    expect(router.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 7 });
    router.mobility.forgetPlace(guest, 101);
    expect(router.routes.has(guest.key)).toBe(false);
    expect(router.held.has(guest.key)).toBe(false);
    router.receive(one.face, one.neighbour, patch(200));
    expect(router.sentOf(MobilityKind.PATCH).map(({ face, neighbour }) => [face, neighbour])).toContainEqual([ACCESS, 7]);
  });
});

describe('a patched node whose next hop is gone', () => {
  let router: Bench;

  beforeEach(() => {
    router = Bench.router();
    router.receive(one.face, one.neighbour, patch(200));
  });

  it('takes the same binding from elsewhere, but not what may be its own come back', () => {
    router.mobility.faceRemoved(PEER, router.now, 1);
    expect(router.routes.has(guest.key)).toBe(false);
    router.receive(two.face, two.neighbour, patch(200));
    expect(router.routes.has(guest.key)).toBe(false);
    router.pass(1100);
    router.receive(two.face, two.neighbour, patch(199));
    expect(router.routes.has(guest.key)).toBe(false);
    router.receive(two.face, two.neighbour, patch(200));
    expect(router.routes.get(guest.key)).toEqual(two);
  });

  it('goes on as before when the next hop was away for a moment only', () => {
    router.mobility.faceRemoved(PEER, router.now, 1);
    router.pass(200);
    router.mobility.neighbourBack(two, router.now);
    expect(router.routes.has(guest.key)).toBe(false);
    router.mobility.neighbourBack(one, router.now);
    expect(router.routes.get(guest.key)).toEqual(one);
    router.mobility.faceRemoved(PEER, router.now, 1);
    router.pass(400);
    router.mobility.neighbourBack(one, router.now);
    expect(router.routes.has(guest.key)).toBe(false);
  });

  it('keeps others out until its entry ends, if the guest is in another AD', () => {
    router.mobility.faceRemoved(PEER, router.now, 1);
    expect(router.held.has(guest.key)).toBe(true);
    router.pass(31_000);
    expect(router.events.at(-1)).toMatchObject({ kind: 'expired', hid: guest });
    router.pass(120_000);
    expect(router.held.has(guest.key)).toBe(false);
  });

  it('does not keep others out if the guest is in this AD', () => {
    router.receive(one.face, one.neighbour, patch(300, { ad: adOf(keys.ad), router: hidOf(keys.mallory) }));
    router.mobility.faceRemoved(PEER, router.now, 1);
    expect(router.routes.has(guest.key)).toBe(false);
    expect(router.held.has(guest.key)).toBe(false);
  });

  it('passes on what it hears again from its own next hop, now and then', () => {
    router.adRoutes.set(adOf(keys.mallory).key, two);
    router.pass(1000);
    router.receive(one.face, one.neighbour, patch(210, { previousAds: [adOf(keys.mallory)] }));
    router.pass(10_000);
    router.sent.length = 0;
    const again = patch(210, { previousAds: [adOf(keys.mallory)] });
    router.receive(3, 3, again);
    expect(router.sentOf(MobilityKind.PATCH)).toHaveLength(0);
    router.receive(one.face, one.neighbour, again);
    router.receive(one.face, one.neighbour, again);
    expect(router.sentOf(MobilityKind.PATCH)).toHaveLength(1);
  });
});
