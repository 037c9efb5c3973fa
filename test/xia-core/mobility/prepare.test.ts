import { beforeEach, describe, expect, it } from 'vitest';
import { MobilityKind, encodeBeaconMessage, encodeBindingAckMessage } from '../../../xia-core/src/wire/mobility-messages.js';
import { sealBeacon, sealBindingAck, type BindingStatus } from '../../../xia-core/src/wire/mobility-statements.js';
import { ACCESS, UPLINK, WALL, adOf, bindingMessage, bindingOf, certificate, hidOf, keys, otherCertificate } from './support/bench.js';
import { PreparingGuest, readBinding, relayed, there } from './support/prepared.js';

const SLOW_MS = 200;

describe('a guest that its host asks to prepare', () => {
  let world: PreparingGuest;
  beforeEach(() => {
    world = new PreparingGuest();
    expect(world.guest.mobility.attachmentState).toBe('bound');
  });

  const place = () => world.guest.mobility.attachment?.accessPoint.toString();
  const ackOf = (sequence: number, status: BindingStatus = 'ok'): Uint8Array =>
    encodeBindingAckMessage({
      hid: hidOf(keys.guest),
      ack: sealBindingAck(
        {
          hid: hidOf(keys.guest),
          ad: adOf(keys.otherAd),
          router: hidOf(keys.otherRouter),
          sequence,
          issuedMs: world.guest.wall(),
          status,
          lifetimeMs: status === 'ok' ? 30_000 : 0,
          certificate: otherCertificate,
        },
        keys.otherRouter,
      ),
    });

  it('signs a binding for there, later than any for here, and stays', () => {
    const before = readBinding(world.guest.sentOf(MobilityKind.BINDING).at(-1)!.message.binding);
    world.guest.receive(UPLINK, 1, world.question());
    expect(world.guest.sentOf(MobilityKind.PREPARED).at(-1)).toMatchObject({ face: UPLINK, neighbour: 1 });
    const signed = world.signed().at(-1)!;
    expect(signed.accessPoint.equals(hidOf(there)) && signed.ad.equals(adOf(keys.otherAd))).toBe(true);
    expect(signed.previousAds.map(String)).toEqual([adOf(keys.ad).toString()]);
    expect(signed.sequence).toBeGreaterThan(before.sequence);
    expect(place()).toBe(hidOf(keys.host).toString());
    expect(world.guest.mobility.attachmentState).toBe('bound');
  });

  it('answers a repeated question with the same bytes', () => {
    const question = world.question();
    world.guest.receive(UPLINK, 1, question);
    world.guest.receive(UPLINK, 1, question);
    const [first, second] = world.guest.sentOf(MobilityKind.PREPARED).map(({ message }) => message.binding);
    expect(second).toEqual(first);
    expect(world.count('prepare:signed')).toBe(1);
  });

  it('signs anew when it binds itself anew where it is, and says there where it may be', () => {
    world.guest.receive(UPLINK, 1, world.question());
    for (let tick = 0; tick < 105; tick++) {
      world.pass(100);
      world.hear();
    }
    const renewal = readBinding(world.guest.sentOf(MobilityKind.BINDING).at(-1)!.message.binding);
    expect(world.signed()).toHaveLength(2);
    expect(world.signed()[1]!.sequence).toBeGreaterThan(renewal.sequence);
    expect(renewal.previousAds.map(String), 'somebody may have released it').toEqual([adOf(keys.otherAd).toString()]);
  });

  it('takes the answer to what it signed for the move', () => {
    world.guest.receive(UPLINK, 1, world.question());
    world.guest.receive(UPLINK, 1, ackOf(world.signed()[0]!.sequence));
    expect(place()).toBe(hidOf(there).toString());
    expect(world.guest.events.at(-1)).toMatchObject({ kind: 'moved' });
    expect(world.count('ack:prepared')).toBe(1);
    world.guest.receive(UPLINK, 1, ackOf(world.signed()[0]!.sequence));
    expect(world.count('ack:mismatch') + world.count('ack:unmatched'), 'once').toBe(1);
    world.guest.receive(UPLINK, 1, encodeBeaconMessage(relayed(world.away, there)));
    expect(world.guest.sentOf(MobilityKind.BINDING), 'nothing more is to be signed').toHaveLength(1);
  });

  it('sends what it signed when it hears the place before the answer comes', () => {
    world.guest.receive(UPLINK, 1, world.question());
    const signed = world.guest.sentOf(MobilityKind.PREPARED)[0]!.message.binding;
    world.guest.mobility.hint('announcement', world.guest.now);
    world.guest.receive(UPLINK, 1, encodeBeaconMessage(relayed(world.away, there)));
    expect(world.guest.sentOf(MobilityKind.BINDING).at(-1)!.message.binding).toEqual(signed);
    world.guest.receive(UPLINK, 1, ackOf(world.signed()[0]!.sequence));
    expect(place()).toBe(hidOf(there).toString());
  });

  it('asks who is there when its prepared binding was refused', () => {
    world.guest.receive(UPLINK, 1, world.question());
    const asked = world.count('solicit:sent');
    world.guest.receive(UPLINK, 1, ackOf(world.signed()[0]!.sequence, 'bad-token'));
    expect(world.count('solicit:sent')).toBe(asked + 1);
    expect(place()).toBe(hidOf(keys.host).toString());
  });

  it('does not move by an answer to what it never signed', () => {
    world.guest.receive(UPLINK, 1, ackOf(WALL));
    world.guest.receive(UPLINK, 1, world.question());
    world.guest.receive(UPLINK, 1, ackOf(world.signed()[0]!.sequence - 1));
    world.guest.receive(UPLINK, 1, ackOf(world.signed()[0]!.sequence + 1));
    expect(place()).toBe(hidOf(keys.host).toString());
  });

  it.each<[string, string, (question: PreparingGuest['question']) => readonly [number, number, Uint8Array]]>([
    ['another neighbour', 'prepare:unmatched', (question) => [UPLINK, 2, question()]],
    ['below', 'prepare:from-access', (question) => [ACCESS, 1, question()]],
    ['a node that is not its host', 'prepare:not-my-host', (question) => [UPLINK, 1, question({}, keys.mallory)]],
    ['who poses as its host', 'prepare:wrong-signer', (question) => [UPLINK, 1, question({ host: hidOf(keys.host) }, keys.mallory)]],
    ['its host about another guest', 'prepare:not-mine', (question) => [UPLINK, 1, question({ hid: hidOf(keys.mallory) })]],
    ['its host long ago', 'prepare:expired', (question) => [UPLINK, 1, question({ issuedMs: WALL - 60_000 })]],
  ])('signs nothing for %s', (_who, counter, asks) => {
    world.guest.receive(...asks((...words) => world.question(...words)));
    expect(world.count(counter)).toBe(1);
    expect(world.signed()).toEqual([]);
  });

  it('signs nothing when its host is made to show another place than it said', () => {
    const said = relayed(world.away, there);
    world.guest.receive(UPLINK, 1, world.question({}, keys.host, said, relayed(world.away, keys.mallory)));
    expect(world.count('prepare:mismatch')).toBe(1);
    expect(world.signed()).toEqual([]);
  });

  it('signs nothing for an AD that it does not trust, whoever asks', () => {
    world = new PreparingGuest({ trustedAds: [adOf(keys.ad)] });
    world.guest.receive(UPLINK, 1, world.question());
    expect(world.count('prepare:untrusted-ad')).toBe(1);
    expect(world.signed()).toEqual([]);
  });

  it('signs nothing for a router that the AD did not certify, or by a beacon of long ago', () => {
    const fields = { ad: adOf(keys.otherAd), hid: hidOf(keys.otherRouter), nameServer: undefined, mtu: 1500, token: new Uint8Array(16) };
    const times = { sequence: WALL, lifetimeMs: 1000, intervalMs: 100, life: new Uint8Array(8) };
    const uncertified = sealBeacon({ ...fields, ...times, issuedMs: WALL, certificate }, keys.otherRouter);
    world.guest.receive(UPLINK, 1, world.question({}, keys.host, { beacon: uncertified, relays: [] }));
    expect(world.count('prepare:bad-certificate')).toBe(1);
    const old = sealBeacon({ ...fields, ...times, issuedMs: WALL - 40_000, certificate: otherCertificate }, keys.otherRouter);
    world.guest.receive(UPLINK, 1, world.question({}, keys.host, { beacon: old, relays: [] }));
    expect(world.count('prepare:expired')).toBe(1);
    expect(world.signed()).toEqual([]);
  });

  it('signs nothing when an old question of its host is repeated', () => {
    const old = world.question();
    world.guest.receive(UPLINK, 1, world.question());
    world.guest.receive(UPLINK, 1, old);
    expect(world.count('prepare:replayed')).toBe(1);
    expect(world.signed()).toHaveLength(1);
  });

  it('signs twenty times a second at most, however often it is asked', () => {
    for (let times = 0; times < 1000; times++) world.guest.receive(UPLINK, 1, world.question());
    expect(world.count('prepare:signed')).toBe(20);
    expect(world.count('prepare:rate-limited')).toBe(980);
    world.pass(SLOW_MS);
    world.hear();
    expect(world.guest.mobility.attachmentState).toBe('bound');
  });
});

describe('a gateway', () => {
  it('takes a prepared binding only from its access point, while the token is good, and once', () => {
    const world = new PreparingGuest();
    const { away } = world;
    const host = { ad: adOf(keys.otherAd), router: hidOf(keys.otherRouter), accessPoint: hidOf(keys.otherRouter) };
    const bindHost = (signer: typeof there, neighbour: number): void =>
      away.receive(ACCESS, neighbour, bindingMessage(bindingOf(away.lastBeacon(), { hid: hidOf(signer), ...host }, signer)));
    bindHost(there, 5);
    bindHost(keys.mallory, 6);
    world.guest.receive(UPLINK, 1, world.question());
    const prepared = bindingMessage(world.guest.sentOf(MobilityKind.PREPARED)[0]!.message.binding);
    away.receive(ACCESS, 6, prepared);
    expect(away.mobility.counters.toJSON()['binding:replayed'], 'by another host').toBe(1);
    expect(away.routes.has(hidOf(keys.guest).key)).toBe(false);
    away.pass(21_000);
    away.receive(ACCESS, 5, prepared);
    expect(away.lastAck()?.status, 'too late').toBe('bad-token');
    expect(away.routes.has(hidOf(keys.guest).key)).toBe(false);
  });
});
