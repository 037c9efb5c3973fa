import { beforeEach, describe, expect, it } from 'vitest';
import { contentDag, Dag, hostDag, serviceDag } from '../../../xia-core/src/dag/index.js';
import { XipView } from '../../../xia-core/src/wire/index.js';
import { encodeXip } from '../../../xia-core/src/wire/xip.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { adOf, Bench, certificate, hidOf, keys, UPLINK, WALL } from './support/bench.js';
import { redirectOf, type Changes } from './support/redirects.js';

const [GUEST, OLD, NEW] = [hidOf(keys.guest), adOf(keys.ad), adOf(keys.otherAd)];
const SID = new Xid(PrincipalType.SID, new Uint8Array(20).fill(7));
const CID = new Xid(PrincipalType.CID, new Uint8Array(20).fill(9));
const third = new Xid(PrincipalType.AD, new Uint8Array(20).fill(3));

let bench: Bench;
beforeEach(() => {
  bench = new Bench({ kind: 'application' }, keys.host);
  // So that the statements, which are dated when the clock began, are a second old.
  leaves(hostDag(OLD, GUEST));
});

/** What becomes of the address of a packet that leaves now. */
function leaves(destination: Dag): Dag {
  const packet = encodeXip({ nextHeader: 60, destination, source: hostDag(undefined, hidOf(keys.host)), payload: new Uint8Array(3) });
  const view = new XipView();
  expect(view.reset(packet)).toBeUndefined();
  bench.mobility.moved.leaving(view, bench.now);
  expect(view.reset(packet)).toBeUndefined();
  return view.destinationDag();
}
const hear = (changes?: Changes) => bench.receive(UPLINK, 1, redirectOf(changes));
const count = (name: string) => bench.mobility.counters.toJSON()[`redirect:${name}`] ?? 0;
const isDetour = () => leaves(hostDag(OLD, GUEST)).equals(hostDag(OLD, GUEST));

describe('a genuine redirect', () => {
  it('changes every form of address, and none of anybody else', () => {
    hear();
    expect(bench.events).toMatchObject([{ kind: 'redirected', sequence: 200 }]);
    expect(leaves(hostDag(OLD, GUEST)).equals(hostDag(NEW, GUEST))).toBe(true);
    expect(leaves(serviceDag(OLD, GUEST, SID)).equals(serviceDag(NEW, GUEST, SID))).toBe(true);
    expect(leaves(contentDag(OLD, GUEST, CID)).equals(contentDag(NEW, GUEST, CID))).toBe(true);
    const other = hostDag(OLD, hidOf(keys.router));
    expect(leaves(other).equals(other)).toBe(true);
    expect(bench.mobility.moved.current(serviceDag(OLD, GUEST, SID), bench.now).equals(serviceDag(NEW, GUEST, SID))).toBe(true);
  });

  it('changes an AD only where it leads to the host', () => {
    hear();
    const nodes = [
      { xid: OLD, edges: [2] },
      { xid: OLD, edges: [3] },
      { xid: GUEST, edges: [3] },
      { xid: SID, edges: [] },
    ];
    const changed = leaves(Dag.build([0, 1], nodes)).nodes.filter(({ xid }) => xid.type === PrincipalType.AD);
    expect(changed.filter(({ xid }) => xid.equals(NEW))).toHaveLength(1);
    expect(changed).toHaveLength(2);
  });

  it('does not change an address that the host has not left, which may be newer', () => {
    hear();
    const elsewhere = hostDag(third, GUEST);
    expect(leaves(elsewhere).equals(elsewhere)).toBe(true);
  });

  it('counts until it expires', () => {
    hear();
    bench.now += 28_000;
    expect(isDetour()).toBe(false);
    bench.now += 2000;
    expect(isDetour()).toBe(true);
  });

  it('gives way to a later one, also to one that leads back', () => {
    hear();
    hear({ binding: { sequence: 202, previousAds: [OLD, third] } });
    expect(leaves(hostDag(third, GUEST)).equals(hostDag(NEW, GUEST))).toBe(true);
    const back = { sequence: 203, ad: OLD, router: hidOf(keys.router), previousAds: [NEW] };
    hear({ binding: back, ack: { certificate }, gateway: keys.router });
    expect([isDetour(), leaves(hostDag(NEW, GUEST)).equals(hostDag(OLD, GUEST))]).toEqual([true, true]);
  });

  it('is over when nothing gets there', () => {
    hear();
    expect(bench.mobility.moved.failed(hostDag(OLD, GUEST))).toBe(false);
    expect(bench.mobility.moved.failed(hostDag(NEW, GUEST))).toBe(true);
    expect(isDetour()).toBe(true);
    hear();
    expect([isDetour(), count('stale')], 'the same again').toEqual([true, 1]);
    hear({ binding: { sequence: 201 } });
    expect(isDetour()).toBe(false);
  });

  it('is over when the host has shown itself at an address that it had left', () => {
    hear();
    bench.mobility.moved.seenAt(serviceDag(NEW, GUEST, SID));
    expect(isDetour()).toBe(false);
    bench.mobility.moved.seenAt(serviceDag(OLD, GUEST, SID));
    expect(isDetour()).toBe(true);
  });
});

describe('the record of a host', () => {
  const told = (owner = GUEST.id) =>
    bench.mobility.moved.told(serviceDag(OLD, GUEST, SID), serviceDag(third, GUEST, SID), owner, 1000, bench.now);

  it('helps where no redirect does', () => {
    hear();
    told();
    expect(leaves(hostDag(OLD, GUEST)).equals(hostDag(NEW, GUEST))).toBe(true);
    bench.mobility.moved.failed(hostDag(NEW, GUEST));
    told();
    expect(leaves(hostDag(OLD, GUEST)).equals(hostDag(third, GUEST))).toBe(true);
    bench.now += 1000;
    expect(isDetour()).toBe(true);
  });

  it('signed by a service says nothing about the host', () => {
    told(SID.id);
    expect(isDetour()).toBe(true);
  });
});

describe('a redirect that is refused', () => {
  const refused: [string, string, () => void][] = [
    ['that another key signed', 'wrong-signer', () => hear({ signer: keys.mallory })],
    ['with the ack of a router that the AD did not certify', 'bad-certificate', () => hear({ binding: { ad: third } })],
    [
      'of an AD that its gateway is not in',
      'wrong-signer',
      () => hear({ binding: { router: hidOf(keys.mallory) }, gateway: keys.otherRouter }),
    ],
    ['with the ack of another binding', 'mismatch', () => hear({ ack: { sequence: 199 } })],
    ['with the ack of another host', 'mismatch', () => hear({ ack: { hid: hidOf(keys.mallory) } })],
    ['that the gateway had refused', 'mismatch', () => hear({ ack: { status: 'stale' } })],
    ['that has expired', 'expired', () => hear({ ack: { issuedMs: WALL - 61_000 } })],
    ['from a distant future', 'future', () => hear({ ack: { issuedMs: WALL + 90_000_000 } })],
    ['of a host that has left', 'detached', () => hear({ binding: { lifetimeMs: 0 } })],
    ['about this node itself', 'own-hid', () => hear({ binding: { hid: hidOf(keys.host) }, signer: keys.host })],
    ['about a host that nothing was sent to', 'unsolicited', () => hear({ binding: { hid: hidOf(keys.mallory) }, signer: keys.mallory })],
  ];
  it.each(refused)('%s', (_what, reason, attack) => {
    attack();
    expect([bench.mobility.counters.toJSON(), isDetour()]).toEqual([expect.objectContaining({ [`redirect:${reason}`]: 1 }), true]);
  });

  it('of a lower or the same sequence', () => {
    hear();
    for (const sequence of [200, 199, 1]) hear({ binding: { sequence, previousAds: [third] } });
    expect(count('stale')).toBe(3);
    expect(leaves(hostDag(third, GUEST)).equals(hostDag(third, GUEST))).toBe(true);
  });

  it('long after something was sent to the host', () => {
    bench.now += 60_001;
    hear({ ack: { issuedMs: WALL + bench.now } });
    expect(count('unsolicited')).toBe(1);
  });

  it('forged, cut, or too long, at whatever byte', () => {
    const good = redirectOf();
    for (let at = 0; at < good.length; at += 3) {
      const bad = good.slice();
      bad[at]! ^= 1 + (at % 255);
      bench.receive(UPLINK, 1, bad);
      bench.receive(UPLINK, 1, good.subarray(0, at));
      bench.now += 60;
    }
    bench.receive(UPLINK, 1, Uint8Array.from([...good, 0]));
    const oversized = new Uint8Array(2049);
    oversized.set(good);
    bench.receive(UPLINK, 1, oversized);
    expect([isDetour(), count('accepted')]).toEqual([true, 0]);
    expect(count('bad-signature')).toBeGreaterThan(10);
    hear();
    expect(isDetour()).toBe(false);
  });

  it('in a flood: few signatures are checked, and other hosts are not concerned', () => {
    const other = hidOf(keys.mallory);
    leaves(hostDag(OLD, other));
    const forged = redirectOf({ ack: { sequence: 199 } });
    for (let n = 0; n < 1000; n++) {
      bench.now += 1;
      bench.receive(UPLINK, 1, forged);
      if (n === 500) hear({ binding: { hid: other }, signer: keys.mallory });
    }
    expect(count('mismatch')).toBeLessThanOrEqual(21);
    expect(count('rate-limited')).toBe(1000 - count('mismatch'));
    expect(leaves(hostDag(OLD, other)).equals(hostDag(NEW, other))).toBe(true);
  });
});

it('remembers a bounded number of destinations, and those in use before others', () => {
  hear();
  const stranger = new Uint8Array(20);
  for (let n = 0; n < 6000; n++) {
    stranger[0] = n & 0xff;
    stranger[1] = n >> 8;
    leaves(hostDag(OLD, new Xid(PrincipalType.HID, stranger.slice())));
    if (n % 1000 === 0) leaves(hostDag(OLD, GUEST));
  }
  const gauge = bench.mobility.gauges().find(({ name }) => name === 'recent destinations');
  expect(gauge).toMatchObject({ used: 4096, highWater: 4096, bound: 4096, refused: 6001 - 4096 });
  expect(isDetour()).toBe(false);
});
