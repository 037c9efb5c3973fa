import { describe, expect, it } from 'vitest';
import { MobilityKind, encodeBeaconMessage, encodeBindingAckMessage } from '../../../xia-core/src/wire/mobility-messages.js';
import { sealBeacon, sealBindingAck, sealCertificate } from '../../../xia-core/src/wire/mobility-statements.js';
import { ACCESS, Bench, UPLINK, WALL, adOf, bindingMessage, bindingOf, certificate, hidOf, keys } from './support/bench.js';

const guest = hidOf(keys.guest);

describe('a router that is changed while it runs', () => {
  it('tells it in its next beacon, which comes at once and at the new interval', () => {
    const router = Bench.router();
    expect(router.lastBeacon()).toMatchObject({ intervalMs: 100, lifetimeMs: 1000, mtu: 1500 });
    router.pass(10);
    router.mobility.configure({ beacon: { intervalMs: 50, lifetimeMs: 700, mtu: 900 } }, router.now);
    expect(router.mobility.nextTimeout()).toBe(router.now);
    router.timeout();
    expect(router.lastBeacon()).toMatchObject({ intervalMs: 50, lifetimeMs: 700, mtu: 900 });
    const before = router.sentOf(MobilityKind.BEACON).length;
    router.pass(1000);
    const sent = router.sentOf(MobilityKind.BEACON).length - before;
    expect(sent).toBeGreaterThanOrEqual(20);
    expect(sent).toBeLessThanOrEqual(23);
  });

  it('shows a renewed certificate in beacons and acks, and keeps its bindings', () => {
    const router = Bench.router();
    const bind = (sequence: number) => router.receive(ACCESS, 7, bindingMessage(bindingOf(router.lastBeacon(), { sequence })));
    bind(100);
    const renewed = sealCertificate({ ad: adOf(keys.ad), hid: hidOf(keys.router), notBefore: WALL, notAfter: WALL + 9e9 }, keys.ad);
    router.mobility.configure({ certificate: renewed }, router.now);
    router.timeout();
    expect(router.lastBeacon()).toMatchObject({ certificate: renewed, intervalMs: 100 });
    expect(router.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 7 });
    bind(101);
    expect(router.lastAck()).toMatchObject({ certificate: renewed, status: 'ok' });
  });

  it('freezes by the new limit of moves', () => {
    const router = Bench.router();
    const bind = (sequence: number) => router.receive(ACCESS, sequence, bindingMessage(bindingOf(router.lastBeacon(), { sequence })));
    for (const sequence of [100, 101, 102]) bind(sequence);
    router.mobility.configure({ moves: { limit: 2, windowMs: 180_000 } }, router.now);
    bind(103);
    expect(router.lastAck()).toMatchObject({ sequence: 103, status: 'frozen' });
  });
});

describe('trust that is changed while a node runs', () => {
  const attached = (): Bench => {
    const node = new Bench({ kind: 'application' }, keys.guest);
    node.timeout();
    const [ad, hid, token] = [adOf(keys.ad), hidOf(keys.router), new Uint8Array(16)];
    const beacon = {
      ad,
      hid,
      sequence: 1,
      issuedMs: node.wall(),
      lifetimeMs: 1000,
      intervalMs: 100,
      nameServer: undefined,
      mtu: 1500,
      token,
      life: new Uint8Array(8),
      certificate,
    };
    node.receive(UPLINK, 1, encodeBeaconMessage({ beacon: sealBeacon(beacon, keys.router), relays: [] }));
    // The sequence of a first binding is its date.
    const body = {
      hid: guest,
      ad,
      router: hid,
      sequence: node.wall(),
      issuedMs: node.wall(),
      status: 'ok' as const,
      lifetimeMs: 30_000,
      certificate,
    };
    node.receive(UPLINK, 1, encodeBindingAckMessage({ ack: sealBindingAck(body, keys.router), hid: guest }));
    return node;
  };

  it('stays where it is when the AD is trusted still', () => {
    const node = attached();
    expect(node.mobility.attachmentState).toBe('bound');
    node.mobility.trust([adOf(keys.ad)], node.now);
    node.mobility.trust(undefined, node.now);
    expect(node.mobility.attachmentState).toBe('bound');
  });

  it('leaves a place in an AD that is trusted no more, and looks for another', () => {
    const node = attached();
    const asked = node.sentOf(MobilityKind.SOLICIT).length;
    node.mobility.trust([adOf(keys.otherAd)], node.now);
    expect(node.mobility.attachmentState).toBe('searching');
    expect(node.events.at(-1)).toMatchObject({ kind: 'detached' });
    node.pass(300);
    expect(node.sentOf(MobilityKind.SOLICIT).length).toBeGreaterThan(asked);
  });
});
