import { beforeEach, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import { nextAttachmentState } from '../../../xia-core/src/mobility/attachment-state.js';
import { MobilityKind, encodeBeaconMessage, encodeBindingAckMessage } from '../../../xia-core/src/wire/mobility-messages.js';
import {
  bindingSchema,
  sealBeacon,
  sealBindingAck,
  sealRelay,
  type Beacon,
  type Binding,
  type BindingAck,
  type BindingStatus,
} from '../../../xia-core/src/wire/mobility-statements.js';
import { StatementKind, openStatement } from '../../../xia-core/src/wire/statement.js';
import type { Identity } from '../../../xia-core/src/xid/index.js';
import { ACCESS, Bench, UPLINK, WALL, adOf, certificate, hidOf, keys, otherCertificate } from './support/bench.js';

const guest = hidOf(keys.guest);

function beaconBytes(changes: Partial<Beacon> = {}, signer: Identity = keys.router): Uint8Array {
  return sealBeacon(
    {
      ad: adOf(keys.ad),
      hid: hidOf(keys.router),
      sequence: 1,
      issuedMs: WALL + 1000,
      lifetimeMs: 1000,
      intervalMs: 100,
      nameServer: undefined,
      mtu: 1500,
      token: new Uint8Array(16).fill(1),
      life: new Uint8Array(8).fill(1),
      certificate,
      ...changes,
    },
    signer,
  );
}

const plain = (changes: Partial<Beacon> = {}, signer?: Identity): Uint8Array =>
  encodeBeaconMessage({ beacon: beaconBytes(changes, signer), relays: [] });

const other = (changes: Partial<Beacon> = {}): Uint8Array =>
  plain({ ad: adOf(keys.otherAd), hid: hidOf(keys.otherRouter), certificate: otherCertificate, ...changes }, keys.otherRouter);

describe('an attachment', () => {
  let node: Bench;
  let sequence = 1;
  const count = (name: string): number => node.mobility.counters.toJSON()[name] ?? 0;
  const bindings = (): Binding[] =>
    node.sentOf(MobilityKind.BINDING).map(({ message }) => {
      const opened = openStatement(message.binding, StatementKind.BINDING, nodeCrypto, bindingSchema);
      if (!opened.ok) throw new Error(opened.reason);
      return opened.value;
    });
  const hear = (neighbour = 1, changes: Partial<Beacon> = {}): void => {
    sequence += 1;
    node.receive(UPLINK, neighbour, plain({ sequence, issuedMs: node.wall(), ...changes }));
  };
  const answer = (status: BindingStatus = 'ok', changes: Partial<BindingAck> = {}, signer = keys.router, neighbour = 1): void => {
    const binding = bindings().at(-1)!;
    const ack = sealBindingAck(
      {
        hid: guest,
        ad: binding.ad,
        router: binding.router,
        sequence: binding.sequence,
        issuedMs: node.wall(),
        status,
        lifetimeMs: status === 'ok' ? binding.lifetimeMs : 0,
        certificate: binding.ad.equals(adOf(keys.ad)) ? certificate : otherCertificate,
        ...changes,
      },
      signer,
    );
    node.receive(UPLINK, neighbour, encodeBindingAckMessage({ ack, hid: guest }));
  };
  const attach = (): void => {
    hear();
    answer();
  };

  beforeEach(() => {
    sequence = 1;
    node = new Bench({ kind: 'application' }, keys.guest);
    node.timeout();
  });

  it('solicits with growing pauses while it hears nothing', () => {
    const times: number[] = [];
    for (let at = 0; at < 5000; at += 10) {
      if (node.sentOf(MobilityKind.SOLICIT).length > times.length) times.push(at);
      node.pass(10);
    }
    expect(times).toEqual([0, 200, 600, 1400, 2400, 3400, 4400].map((at, index) => (index === 0 ? 0 : at)));
  });

  it('binds to the first access point that it hears, and is attached when that says so', () => {
    hear();
    expect(node.mobility.attachmentState).toBe('binding');
    expect(bindings()).toMatchObject([{ hid: guest, ad: adOf(keys.ad), router: hidOf(keys.router), lifetimeMs: 30_000, previousAds: [] }]);
    answer();
    expect(node.mobility.attachmentState).toBe('bound');
    expect(node.events).toMatchObject([
      { kind: 'attached', attachment: { ad: adOf(keys.ad), mtu: 1500, hop: { face: UPLINK, neighbour: 1 } } },
    ]);
  });

  it('repeats its binding with growing pauses, and makes a new one when none is answered', () => {
    hear();
    for (let step = 0; step < 20; step++) {
      node.pass(100);
      hear();
    }
    const sequences = bindings().map((binding) => binding.sequence);
    expect(sequences.length).toBeGreaterThanOrEqual(7);
    expect(new Set(sequences.slice(0, 6)).size).toBe(1);
    expect(sequences.at(-1)).toBeGreaterThan(sequences[0]!);
  });

  it('renews at a third of the granted lifetime with a new sequence', () => {
    attach();
    const [first] = bindings();
    for (let step = 0; step < 99; step++) {
      node.pass(100);
      hear();
    }
    expect(bindings()).toHaveLength(1);
    node.pass(110);
    expect(bindings()).toHaveLength(2);
    expect(bindings()[1]!.sequence).toBeGreaterThan(first!.sequence);
    answer();
    expect(node.events).toHaveLength(1);
  });

  it('renews at once, and once, when its router says that it has begun anew', () => {
    attach();
    for (let step = 0; step < 3; step++) {
      node.pass(100);
      hear();
    }
    expect(bindings()).toHaveLength(1);
    const life = new Uint8Array(8).fill(2);
    node.pass(100);
    hear(1, { life });
    expect(bindings()).toHaveLength(2);
    answer();
    node.pass(100);
    hear(1, { life });
    expect(bindings()).toHaveLength(2);
    expect(node.events).toHaveLength(1);
  });

  it('renews at once when the host between it and its router has begun anew', () => {
    const hearRelayed = (number: number, life: number) => {
      const beacon = beaconBytes({ sequence: number });
      const fields = { hid: hidOf(keys.host), beacon: nodeCrypto.hash(beacon), mtu: 1400, life: new Uint8Array(8).fill(life) };
      node.receive(UPLINK, 1, encodeBeaconMessage({ beacon, relays: [sealRelay(fields, keys.host)] }));
    };
    hearRelayed(1, 1);
    answer();
    node.pass(100);
    hearRelayed(2, 1);
    expect(bindings()).toHaveLength(1);
    node.pass(100);
    hearRelayed(3, 2);
    expect(bindings()).toHaveLength(2);
  });

  it('is detached when no beacon came for three lifetimes, and searches', () => {
    attach();
    node.pass(2900);
    expect(node.mobility.attachmentState).toBe('bound');
    node.pass(200);
    expect(node.mobility.attachmentState).toBe('searching');
    expect(node.mobility.attachment).toBeUndefined();
    expect(node.events.at(-1)).toMatchObject({ kind: 'detached', attachment: { ad: adOf(keys.ad) } });
  });

  it('is detached when the gateway lets the binding end', () => {
    hear();
    answer('ok', { lifetimeMs: 2000 });
    for (let step = 0; step < 25; step++) {
      node.pass(100);
      hear();
    }
    expect(node.events.map(({ kind }) => kind)).toContain('detached');
    expect(bindings().length).toBeGreaterThan(2);
  });

  it('names the AD that it comes from when it moves', () => {
    attach();
    node.pass(150);
    node.receive(UPLINK, 2, other());
    expect(bindings().at(-1)).toMatchObject({ ad: adOf(keys.otherAd), previousAds: [adOf(keys.ad)] });
    answer('ok', {}, keys.otherRouter, 2);
    expect(node.events.at(-1)).toMatchObject({ kind: 'moved', from: { ad: adOf(keys.ad) }, to: { ad: adOf(keys.otherAd) } });
  });

  it('waits for the present access point to miss its turn, and no longer', () => {
    attach();
    node.pass(40);
    node.receive(UPLINK, 2, other());
    expect(bindings()).toHaveLength(1);
    node.pass(80);
    expect(bindings().at(-1)).toMatchObject({ ad: adOf(keys.otherAd) });
  });

  it('stays when the present access point is heard in between', () => {
    attach();
    for (let step = 0; step < 20; step++) {
      node.pass(50);
      node.receive(UPLINK, 2, other({ sequence: step + 1, issuedMs: node.wall() }));
      node.pass(50);
      hear();
    }
    expect(bindings()).toHaveLength(1);
  });

  it('tries again after a refusal, and says why it was refused', () => {
    hear();
    answer('bad-token');
    expect(node.events).toMatchObject([{ kind: 'refused', reason: 'bad-token' }]);
    node.receive(UPLINK, 1, plain({ sequence: 2, token: new Uint8Array(16).fill(9), issuedMs: node.wall() }));
    node.pass(60);
    hear();
    expect(bindings()).toHaveLength(2);
    answer();
    expect(node.mobility.attachmentState).toBe('bound');
  });

  it('feels its way above a sequence that it has forgotten', () => {
    hear();
    const [first] = bindings();
    for (let attempt = 0; attempt < 4; attempt++) {
      answer('stale');
      node.pass(900);
      hear();
    }
    expect(bindings().at(-1)!.sequence - first!.sequence).toBeGreaterThan(60_000 * 7);
  });

  it('takes an ack of the right gateway for the right sequence only', () => {
    hear();
    answer('ok', {}, keys.mallory);
    answer('ok', { sequence: 5 });
    answer('ok', { certificate: otherCertificate });
    answer('ok', { issuedMs: WALL - 120_000 });
    answer('ok', {}, keys.router, 9);
    expect(node.mobility.attachmentState).toBe('binding');
    expect(['ack:wrong-signer', 'ack:unmatched', 'ack:bad-certificate', 'ack:expired'].map(count)).toEqual([1, 2, 1, 1]);
  });

  it.each<[string, () => Uint8Array, string]>([
    ['not signed by its router', () => plain({}, keys.mallory), 'beacon:wrong-signer'],
    ['without a certificate of its AD', () => plain({ ad: adOf(keys.otherAd) }), 'beacon:bad-certificate'],
    ['with a certificate of another router', () => plain({ certificate: otherCertificate }), 'beacon:bad-certificate'],
    ['from last year', () => plain({ issuedMs: WALL - 365 * 86_400_000 }), 'beacon:expired'],
    ['of next year', () => plain({ issuedMs: WALL + 365 * 86_400_000 }), 'beacon:future'],
    ["that is this node's own", () => plain({ hid: guest }, keys.guest), 'beacon:bad-certificate'],
    ['cut short', () => plain().subarray(0, -3), 'message:truncated'],
  ])('does not attach to a beacon %s', (_name, make, counter) => {
    node.receive(UPLINK, 1, make());
    expect(count(counter)).toBe(1);
    expect(node.mobility.attachmentState).toBe('searching');
    expect(bindings()).toEqual([]);
  });

  it('takes a beacon once, and never an older one', () => {
    node.pass(2000);
    node.pass(1100);
    node.receive(UPLINK, 1, plain({ sequence: 5 }));
    node.pass(1500);
    node.receive(UPLINK, 1, plain({ sequence: 4 }));
    expect(count('beacon:replayed')).toBe(1);
  });

  it('does not hear beacons on an access face', () => {
    const host = new Bench({ kind: 'host', mtu: 1500 }, keys.host);
    host.receive(ACCESS, 1, plain());
    expect(host.mobility.counters.get('beacon:from-access')).toBe(1);
  });

  it('attaches to trusted ADs only, when there are some', () => {
    node = new Bench({ kind: 'application', attach: { trustedAds: [adOf(keys.otherAd)] } }, keys.guest);
    node.receive(UPLINK, 1, plain());
    expect(count('beacon:untrusted-ad')).toBe(1);
    node.receive(UPLINK, 1, other());
    expect(node.mobility.attachmentState).toBe('binding');
  });

  it('sees the host that relayed a beacon as its access point, and the least MTU', () => {
    const beacon = beaconBytes();
    const relay = sealRelay({ hid: hidOf(keys.host), beacon: nodeCrypto.hash(beacon), mtu: 1400, life: new Uint8Array(8) }, keys.host);
    node.receive(UPLINK, 1, encodeBeaconMessage({ beacon, relays: [relay] }));
    expect(bindings()[0]!.accessPoint).toEqual(hidOf(keys.host));
    answer();
    expect(node.mobility.attachment).toMatchObject({ accessPoint: hidOf(keys.host), mtu: 1400 });
  });

  it.each<[string, (beacon: Uint8Array) => Uint8Array, string]>([
    [
      'of another beacon',
      () => sealRelay({ hid: hidOf(keys.host), beacon: new Uint8Array(20), mtu: 1400, life: new Uint8Array(8) }, keys.host),
      'beacon:bad-relay',
    ],
    [
      'in the name of another host',
      (beacon) => sealRelay({ hid: hidOf(keys.host), beacon: nodeCrypto.hash(beacon), mtu: 1400, life: new Uint8Array(8) }, keys.mallory),
      'beacon:wrong-signer',
    ],
    [
      'by the router itself',
      (beacon) => sealRelay({ hid: hidOf(keys.router), beacon: nodeCrypto.hash(beacon), mtu: 1400, life: new Uint8Array(8) }, keys.router),
      'beacon:bad-relay',
    ],
    [
      'by this node',
      (beacon) => sealRelay({ hid: guest, beacon: nodeCrypto.hash(beacon), mtu: 1400, life: new Uint8Array(8) }, keys.guest),
      'beacon:from-myself',
    ],
  ])('does not attach through a relay %s', (_name, relay, counter) => {
    const beacon = beaconBytes();
    node.receive(UPLINK, 1, encodeBeaconMessage({ beacon, relays: [relay(beacon)] }));
    expect(count(counter)).toBe(1);
    expect(bindings()).toEqual([]);
  });

  it('leaves, and stays away', () => {
    attach();
    node.mobility.leave(node.now, node.wall());
    expect(bindings().at(-1)!.lifetimeMs).toBe(0);
    node.pass(2000);
    expect(bindings()).toHaveLength(6);
    expect(node.mobility.attachmentState).toBe('off');
    expect(node.mobility.nextTimeout()).toBe(Infinity);
    hear();
    expect(count('beacon:not-wanted')).toBe(1);
  });

  it('is detached when its face goes', () => {
    attach();
    node.mobility.faceRemoved(UPLINK, node.now);
    expect(node.mobility.attachmentState).toBe('searching');
  });
});

describe('the states of an attachment', () => {
  it('are left by what the diagram says and by nothing else', () => {
    const states = ['searching', 'binding', 'bound', 'leaving', 'off'] as const;
    const inputs = ['chosen', 'accepted', 'refused', 'lost', 'leave'] as const;
    const table = Object.fromEntries(states.map((state) => [state, inputs.map((input) => nextAttachmentState(state, input))]));
    expect(table).toEqual({
      searching: ['binding', 'searching', 'searching', 'searching', 'off'],
      binding: ['binding', 'bound', 'binding', 'searching', 'leaving'],
      bound: ['binding', 'bound', 'bound', 'searching', 'leaving'],
      leaving: ['leaving', 'off', 'off', 'off', 'leaving'],
      off: ['off', 'off', 'off', 'off', 'off'],
    });
  });
});
