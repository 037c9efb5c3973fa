import { beforeEach, describe, expect, it } from 'vitest';
import { Dag } from '../../../xia-core/src/dag/index.js';
import {
  MobilityKind,
  encodeBeaconMessage,
  encodeBindingAckMessage,
  encodeBindingMessage,
  encodeSolicit,
} from '../../../xia-core/src/wire/mobility-messages.js';
import type { Beacon, BindingStatus } from '../../../xia-core/src/wire/mobility-statements.js';
import { ACCESS, Bench, UPLINK, bindingMessage, bindingOf, hidOf, keys, readAck } from './support/bench.js';

const guest = hidOf(keys.guest);
const nameServer = Dag.parse(`RE ${hidOf(keys.mallory).toString()}`);

/** A host that is attached to a router; what one sends the other hears when the test says so. */
class Pair {
  readonly router = Bench.router();
  readonly host = new Bench({ kind: 'host', mtu: 1400 }, keys.host);

  constructor() {
    this.toHost();
    this.toRouter();
    this.toHost();
  }

  toHost(): void {
    for (const { message } of this.router.sent.splice(0)) {
      if (message.kind === MobilityKind.BEACON) this.host.receive(UPLINK, 1, encodeBeaconMessage(message));
      if (message.kind === MobilityKind.BINDING_ACK) this.host.receive(UPLINK, 1, encodeBindingAckMessage(message));
    }
  }

  toRouter(): void {
    for (const { face, message } of this.host.sent.splice(0)) {
      if (face === UPLINK && message.kind === MobilityKind.BINDING) this.router.receive(ACCESS, 5, encodeBindingMessage(message));
    }
  }
}

describe('a host', () => {
  let pair: Pair;
  let host: Bench;
  let beacon: Beacon;
  const bind = (changes: Parameters<typeof bindingOf>[1] = {}, neighbour = 7): void =>
    host.receive(ACCESS, neighbour, bindingMessage(bindingOf(beacon, { accessPoint: host.mobility.hid, ...changes })));
  const count = (name: string): number => host.mobility.counters.toJSON()[name] ?? 0;
  beforeEach(() => {
    pair = new Pair();
    host = pair.host;
    expect(host.mobility.attachmentState).toBe('bound');
    pair.router.pass(100);
    pair.router.sent.splice(0, pair.router.sent.length - 1);
    beacon = pair.router.lastBeacon();
  });

  it('relays beacons of its access point with its own statement, and to who asks', () => {
    const message = pair.router.sent.at(-1)!.message as never;
    host.receive(UPLINK, 1, encodeBeaconMessage(message));
    const relayed = host.sentOf(MobilityKind.BEACON).at(-1)!;
    expect(relayed).toMatchObject({ face: ACCESS, neighbour: 0 });
    expect(relayed.message.relays).toHaveLength(1);
    host.receive(ACCESS, 9, encodeSolicit(guest));
    expect(host.sentOf(MobilityKind.BEACON).at(-1)).toMatchObject({ face: ACCESS, neighbour: 9, message: relayed.message });
    host.receive(UPLINK, 1, encodeSolicit(guest));
    expect(count('solicit:not-access')).toBe(1);
    host.pass(1100);
    host.receive(ACCESS, 9, encodeSolicit(guest));
    expect(count('solicit:no-beacon')).toBe(1);
  });

  it('follows a binding at once, passes it up, and passes the answer down', () => {
    bind();
    expect(host.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 7 });
    pair.toRouter();
    expect(pair.router.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 5 });
    pair.toHost();
    const [ack] = host.sentOf(MobilityKind.BINDING_ACK);
    expect(ack).toMatchObject({ face: ACCESS, neighbour: 7 });
    expect(readAck(ack!.message.ack).status).toBe('ok');
    expect(host.events.at(-1)).toMatchObject({ kind: 'bound', hid: guest });
  });

  it('passes a repeated binding up again, and its ack down again', () => {
    bind();
    pair.toRouter();
    pair.toHost();
    host.sent.length = 0;
    bind();
    pair.toRouter();
    pair.toHost();
    expect(host.sentOf(MobilityKind.BINDING_ACK)).toHaveLength(1);
  });

  it('goes back to what was before when the gateway refuses', () => {
    bind();
    pair.toRouter();
    pair.toHost();
    // The gateway has seen a later one, so it refuses this.
    pair.router.receive(ACCESS, 6, bindingMessage(bindingOf(beacon, { sequence: 300 })));
    pair.router.sent.length = 0;
    bind({ sequence: 200 }, 8);
    expect(host.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 8 });
    pair.toRouter();
    pair.toHost();
    expect(host.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 7 });
    const status: BindingStatus = readAck(host.sentOf(MobilityKind.BINDING_ACK).at(-1)!.message.ack).status;
    expect(status).toBe('stale');
  });

  it('goes back when the gateway does not answer', () => {
    bind();
    host.pass(6000);
    expect(host.routes.size).toBe(0);
    expect([...host.mobility.bindings()]).toEqual([]);
  });

  it.each<[string, () => void, string]>([
    ['with a token that was never in its beacons', () => bind({ token: new Uint8Array(16) }), 'binding:bad-token'],
    ['for another gateway', () => bind({ router: hidOf(keys.otherRouter) }), 'binding:wrong-gateway'],
    ['that comes from its uplink', () => host.receive(UPLINK, 1, bindingMessage(bindingOf(beacon))), 'binding:not-access'],
    [
      'of its own HID',
      () => host.receive(ACCESS, 7, bindingMessage(bindingOf(beacon, { hid: hidOf(keys.host) }, keys.host))),
      'binding:own-hid',
    ],
  ])('does not follow a binding %s', (_name, send, counter) => {
    send();
    expect(count(counter)).toBe(1);
    expect(host.routes.size).toBe(0);
  });

  it('does not follow a binding replayed from another place, or an older one', () => {
    bind();
    bind({}, 8);
    expect(count('binding:replayed')).toBe(1);
    bind({ sequence: 99 }, 8);
    expect(count('binding:stale')).toBe(1);
    expect(host.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 7 });
  });

  it('takes acks from its access point only', () => {
    bind();
    pair.toRouter();
    const { message } = pair.router.sentOf(MobilityKind.BINDING_ACK)[0]!;
    host.sent.length = 0;
    host.receive(ACCESS, 7, encodeBindingAckMessage(message));
    host.receive(UPLINK, 2, encodeBindingAckMessage(message));
    host.receive(UPLINK, 1, encodeBindingAckMessage({ ack: message.ack, hid: nameServer.intent }));
    expect(['ack:from-access', 'ack:unmatched', 'ack:mismatch'].map(count)).toEqual([1, 1, 1]);
    expect(host.sent).toEqual([]);
  });

  it('carries nothing while it is not attached itself', () => {
    host = new Bench({ kind: 'host', mtu: 1400 }, keys.host);
    bind();
    expect(count('binding:not-attached')).toBe(1);
    host.receive(ACCESS, 9, encodeSolicit(guest));
    expect(count('solicit:no-beacon')).toBe(1);
  });
});
