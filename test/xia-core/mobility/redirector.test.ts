import { beforeEach, describe, expect, it } from 'vitest';
import { Dag, hostDag, serviceDag } from '../../../xia-core/src/dag/index.js';
import { encodePatch, decodeMobilityMessage, MobilityKind } from '../../../xia-core/src/wire/mobility-messages.js';
import { encodeEcho, encodeXcmpError, NextHeader, XcmpType, XipView } from '../../../xia-core/src/wire/index.js';
import { encodeXip } from '../../../xia-core/src/wire/xip.js';
import { PrincipalType, SID_BOOTSTRAP, Xid } from '../../../xia-core/src/xid/index.js';
import { ACCESS, adOf, Bench, bindingMessage, bindingOf, hidOf, keys, PEER } from './support/bench.js';
import { redirectOf } from './support/redirects.js';

const [GUEST, OLD, NEW] = [hidOf(keys.guest), adOf(keys.ad), adOf(keys.otherAd)];
const third = new Xid(PrincipalType.AD, new Uint8Array(20).fill(3));
const source = (n: number) => serviceDag(third, hid(n), new Xid(PrincipalType.SID, new Uint8Array(20).fill(8)));

/** A router of the AD that the guest has left. */
let bench: Bench;
beforeEach(() => {
  bench = Bench.router();
  patch();
});

function hid(n: number): Xid {
  const id = new Uint8Array(20);
  id[0] = n;
  id[1] = n >> 8;
  return new Xid(PrincipalType.HID, id);
}

function patch(changes: Parameters<typeof redirectOf>[0] = {}): void {
  const decoded = decodeMobilityMessage(redirectOf(changes));
  if (!decoded.ok || decoded.message.kind !== MobilityKind.REDIRECT) throw new Error('no redirect');
  bench.receive(PEER, 1, encodePatch(decoded.message));
}

interface Passing {
  readonly from?: Dag;
  readonly to?: Dag;
  readonly nextHeader?: number;
  readonly payload?: Uint8Array;
  /** Whether our AD was reached; it was at another router of another AD otherwise. */
  readonly inOurAd?: boolean;
}

/** A packet for the guest goes through. Returns how many bytes were sent because of it. */
function passes({ from = source(1), to = hostDag(OLD, GUEST), nextHeader = 60, payload, inOurAd = true }: Passing = {}): number {
  const packet = encodeXip({ nextHeader, destination: to, source: from, payload: payload ?? new Uint8Array(1000) });
  const view = new XipView();
  expect(view.reset(packet)).toBeUndefined();
  if (inOurAd) view.setLast(0);
  const sent = bench.sentFar.length;
  bench.mobility.redirector.passed(view, 1, packet.length, PEER, 1, bench.now);
  return bench.sentFar.slice(sent).reduce((sum, { payload: bytes }) => sum + bytes.length, 0);
}
const count = (name: string) => bench.mobility.counters.toJSON()[`redirect:${name}`] ?? 0;

it('tells the source of a packet where its host is, with the word of the host and of its gateway', () => {
  expect(passes()).toBeGreaterThan(500);
  const [sent] = bench.sentFar;
  expect(sent!.destination.equals(serviceDag(third, hid(1), SID_BOOTSTRAP))).toBe(true);
  expect(sent!.payload).toEqual(redirectOf());
});

it('tells a source again only after a pause that doubles, and begins anew with every binding', () => {
  const times: number[] = [];
  for (let n = 0; n < 2000; n++) {
    if (passes() > 0) times.push(bench.now - 1000);
    bench.now += 10;
  }
  expect(times).toEqual([0, 100, 300, 700, 1500, 3100, 6300, 12_700]);
  patch({ binding: { sequence: 201 } });
  bench.now += 10_000;
  expect(passes()).toBeGreaterThan(0);
  bench.now += 100;
  expect(passes(), 'the pause is short again').toBeGreaterThan(0);
});

it('sends to nobody more than three times what came in that name', () => {
  let received = 0;
  let sent = 0;
  for (let n = 0; n < 500; n++) {
    const bytes = passes({ payload: new Uint8Array(20) });
    received += 8 + 5 * 28 + 20;
    if (bytes > 0) sent += bytes + 8 + 6 * 28 + 32;
    expect(sent).toBeLessThanOrEqual(3 * received);
    bench.now += 20;
  }
  expect(sent).toBeGreaterThan(0);
});

it('is no weapon where sources are made up: limited by neighbour, and its memory is bounded', () => {
  for (let n = 0; n < 6000; n++) passes({ from: source(n) });
  expect([count('sent'), count('limited')]).toEqual([200, 5800]);
  const gauge = bench.mobility.gauges().find(({ name }) => name === 'redirect budgets');
  expect(gauge).toMatchObject({ used: 4096, bound: 4096 });
});

describe('says nothing', () => {
  it.each<[string, Passing]>([
    ['outside of the AD that the packet was for', { inOurAd: false }],
    ['about a host that is where it was', { to: hostDag(OLD, hidOf(keys.host)) }],
    ['about an address in another AD', { to: hostDag(NEW, GUEST) }],
    ['about a redirect', { to: serviceDag(OLD, GUEST, SID_BOOTSTRAP) }],
    ['to a source without a host', { from: Dag.build([0], [{ xid: third, edges: [] }]) }],
    [
      'about an error',
      {
        nextHeader: NextHeader.XCMP,
        payload: encodeXcmpError({ type: XcmpType.UNREACHABLE, code: 0, quoted: new Uint8Array(900) }),
      },
    ],
  ])('%s', (_what, passing) => {
    expect(passes(passing)).toBe(0);
    expect(passes({ nextHeader: NextHeader.XCMP, payload: encodeEcho({ id: 1, sequence: 1, data: new Uint8Array(900) }) })).toBeGreaterThan(
      0,
    );
  });

  it('when the host has left without a word of where to, or was never said to be here', () => {
    patch({ binding: { sequence: 201, lifetimeMs: 0 } });
    expect(passes()).toBe(0);
    patch({ binding: { sequence: 202, previousAds: [third] } });
    expect(passes()).toBe(0);
    expect(count('no-proof')).toBe(2);
  });

  it('when the host is here again', () => {
    expect(passes()).toBeGreaterThan(0);
    bench.receive(ACCESS, 1, bindingMessage(bindingOf(bench.lastBeacon(), { sequence: 300 })));
    expect(bench.lastAck()).toMatchObject({ status: 'ok' });
    bench.now += 60_000;
    expect(passes()).toBe(0);
  });

  it('when the binding has expired', () => {
    bench.pass(31_000);
    expect(passes()).toBe(0);
  });
});
