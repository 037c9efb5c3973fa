// oxlint-disable vitest/expect-expect -- A script expects in its own words: sends, sendsOn, sendsNothing, counts.
import { describe, expect, it } from 'vitest';
import {
  decodeXcmp,
  NextHeader,
  parseChunk,
  PrincipalType,
  MemoryRecordStore,
  NameServerCore,
  SID_NAME_SERVICE,
  toHex,
  Xid,
  XcmpType,
  XipView,
  type XipView as View,
} from 'xia-core';
import { frames } from '../../data/vectors.js';
import { simCrypto } from '../../simulation/sim-identity.js';
import { CAPTURED_MAC, FrameScript } from './support/frame-script.js';

const HID = (hex: string) => Xid.of(PrincipalType.HID, hex);
const AD = (hex: string) => Xid.of(PrincipalType.AD, hex);
const AD0 = AD('e5a3d3ffe08c70b7978619ca68381d2b34f72079');
const AD1 = AD('10fdcc17aea4fd8a3ac4fe148b3c5308c899e43c');

const decode = (name: string): View => {
  const view = new XipView();
  expect(view.reset(Uint8Array.from(frames.get(name)!.subarray(14)))).toBeUndefined();
  return view;
};
const nodeAt = (name: string, index: number) => {
  const view = decode(name);
  const at = view.nodeIdOffset(index);
  return Xid.of(view.nodeType(index), view.bytes.slice(at, at + 20));
};

const HOST0 = nodeAt('CID-op1', 4);
const HOST1 = nodeAt('CID-op1', 1);
const ROUTER0 = nodeAt('XCMP-type11-code1', 4);
const ROUTER1 = HID('cf2d0aee'.padEnd(40, '0'));
const CHUNK = Uint8Array.from({ length: 3000 }, (_, index) => 65 + (index % 26));
const CID = nodeAt('CID-op1', 2);

/**
 * The stations of the captured network: host0 in AD0, whose router is router0; host1 in AD1, whose router is router1. host1 is
 * a node that owns its AD, since a host of ours has an address in an AD only after a router of ours has accepted it.
 */
const given = {
  host0: () => new FrameScript({ hid: HOST0, ad: AD0, role: 'host' }).routes(AD1, HOST1),
  router0: () => new FrameScript({ hid: ROUTER0, ad: AD0, role: 'router' }).routes(AD1, HOST0, nodeAt('STREAM-MIGRATE', 3)),
  router1: () => new FrameScript({ hid: ROUTER1, ad: AD1, role: 'router' }).routes(AD0, HOST1),
  host1: () => new FrameScript({ hid: HOST1, ad: AD1, role: 'router' }).routes(AD0, HOST0),
};
const asBroadcast = (frame: Uint8Array) => frame.fill(0xff, 0, 6);
const withHopLimit = (hopLimit: number) => (frame: Uint8Array) => {
  frame[18] = hopLimit;
};

/** What has reached nothing yet, and what is at the gate of the AD of the other end. */
const fromHost0 = [
  'CID-op1',
  'DGRAM-DATA',
  'NS-type1',
  'NS-type2',
  'STREAM-ACK-ACK',
  'STREAM-ACK-SYNACK-ACK',
  'STREAM-ACK-cumulative_ACK',
  'STREAM-DATA',
  'STREAM-FIN',
  'STREAM-MIGRATE',
  'STREAM-SYN',
  'XCMP-type8-code0',
];
const toHost0 = [
  'CID-op2-off0',
  'CID-op2-off1172',
  'CID-op2-off2344',
  'NS-type4',
  'NS-type5',
  'NS-type7',
  'STREAM-MIGRATEACK',
  'STREAM-SYNACK',
  'XCMP-type0-code0',
  'XCMP-type11-code1',
  'XCMP-type3-code1',
  'XCMP-type5-code1',
];
const onTheLink = ['XARP-op1', 'XARP-op2', 'XHCP-BEACON', 'XROUTE-HELLO', 'XROUTE-HOSTREGISTER', 'XROUTE-LSA'];

it('every captured frame has its script', () => {
  expect([...fromHost0, ...toHost0, ...onTheLink].toSorted()).toEqual([...frames.keys()].toSorted());
});

describe('in transit', () => {
  it.each(fromHost0)('%s goes on from router0 to AD1 with one hop less and nothing else changed', (name) => {
    given.router0().receives(name).sendsOn(name).sendsNothing();
  });

  it.each(fromHost0)('%s with its last hop is answered by time exceeded, unless it is an error', (name) => {
    const node = given.router0().receives(name, withHopLimit(1));
    const view = node.sends();
    expect(decodeXcmp(view.payload())).toMatchObject({ kind: 'error', type: XcmpType.TIME_EXCEEDED, code: 0 });
    expect(view.destinationDag().toString()).toBe(decode(name).sourceDag().toString());
    expect(view.sourceDag().toString()).toBe(`RE ${AD0.toString()} ${ROUTER0.toString()}`);
    node.sendsNothing();
  });

  it.each(toHost0)('%s goes on from router0 to host0', (name) => {
    given.router0().receives(name).sendsOn(name).sendsNothing();
  });

  it.each(fromHost0)('%s turns into AD1 at router1', (name) => {
    const node = given.router1().receives(name);
    const view = node.sends();
    const captured = decode(name);
    const reached = captured.nodeType(0) === PrincipalType.AD ? 0 : 1;
    expect([view.last, view.hopLimit]).toEqual([reached, captured.hopLimit - 1]);
    expect(toHex(view.payload())).toBe(toHex(captured.payload()));
    node.sendsNothing();
  });
});

describe('a chunk', () => {
  it('that host1 has is sent in segments that say the same as the captured ones', () => {
    const node = given.host1();
    node.stack.content.publish(CID.id, CHUNK, 0, undefined);
    node.receives('CID-op1');
    const data: Uint8Array[] = [];
    for (const { view } of node.sent.splice(0)) {
      const chunk = parseChunk(view.payload());
      if (chunk.opcode !== 'response') throw new Error('not a response');
      expect(view.payloadLength).toBe(chunk.length);
      expect(view.destinationDag().toString()).toBe(decode('CID-op1').sourceDag().toString());
      expect(view.sourceDag().toString()).toBe(decode('CID-op2-off0').sourceDag().toString());
      expect(chunk).toMatchObject({ chunkLength: 3000, ttlSeconds: 86_400 });
      data.push(view.payload().subarray(chunk.dataOffset));
    }
    expect(Buffer.concat(data).equals(CHUNK)).toBe(true);
    expect(data.length).toBe(3);
  });

  it('that host1 does not have is unreachable, and the asker is told', () => {
    const view = given.host1().receives('CID-op1').sends();
    expect(decodeXcmp(view.payload())).toMatchObject({ kind: 'error', type: XcmpType.UNREACHABLE, code: 1 });
    expect(view.destinationDag().toString()).toBe(decode('CID-op1').sourceDag().toString());
  });

  it('that router0 has is answered there and asked for no further', () => {
    const node = given.router0();
    node.stack.content.publish(CID.id, CHUNK, 0, undefined);
    node.receives('CID-op1');
    expect(node.sent.map(({ view }) => view.nextHeader)).toEqual([NextHeader.CHUNK, NextHeader.CHUNK, NextHeader.CHUNK]);
  });

  it('of the prototype is kept by a cache that makes CIDs as it does, and by no other', () => {
    const segments = ['CID-op2-off0', 'CID-op2-off1172', 'CID-op2-off2344'];
    const cache = (sha1: boolean) => {
      const node = new FrameScript({ hid: ROUTER0, ad: AD0, role: 'router', cacheBytes: 10_000, sha1 }).routes(AD1, HOST0);
      for (const name of segments) {
        node.receives(name);
        node.sends();
      }
      return node.receives('CID-op1');
    };
    const data = (view: View) => toHex(view.payload().subarray(52));
    const answers = cache(true).sent.map(({ view }) => data(view));
    expect(answers.join('')).toBe(toHex(CHUNK));
    // Without it the three segments made no chunk, and the request goes on.
    expect(cache(false).counts('path forwarded', 4).sent.length).toBe(1);
  });

  it.each(['CID-op2-off0', 'CID-op2-off1172', 'CID-op2-off2344'])(
    'in %s that nobody of host0 asked for has no place to arrive at',
    (name) => {
      // Its service is not there (any more), and a late segment is no error of anybody's.
      const view = given.host0().receives(name).sends();
      expect(decodeXcmp(view.payload())).toMatchObject({ type: XcmpType.UNREACHABLE });
    },
  );
});

describe('datagrams', () => {
  it('DGRAM-DATA reaches the socket of host1 that has its SID', () => {
    const node = given.host1();
    const sid = nodeAt('DGRAM-DATA', 2);
    node.stack.datagrams.open(sid);
    node.stack.bindService(sid);
    node.receives('DGRAM-DATA').sendsNothing();
    expect(node.datagrams).toEqual(['hello dgram\n']);
  });

  it.each(['DGRAM-DATA', 'NS-type1', 'NS-type2', 'STREAM-SYN'])('%s for a service that host1 does not have is unreachable', (name) => {
    const view = given.host1().receives(name).sends();
    expect(decodeXcmp(view.payload())).toMatchObject({ kind: 'error', type: XcmpType.UNREACHABLE, code: 1 });
  });

  it.each(['NS-type1', 'NS-type2'])('%s, a request of the old format, is dropped and counted by the name service', (name) => {
    const node = given.host1();
    const server = new NameServerCore({ crypto: simCrypto, store: new MemoryRecordStore(), send: () => expect.unreachable() });
    node.stack.datagrams.open(SID_NAME_SERVICE);
    node.stack.bindService(SID_NAME_SERVICE);
    node.receives(name).sendsNothing();
    expect(node.requests.length).toBe(1);
    const { payload, source } = node.requests[0]!;
    server.handle(payload, source, 0, 1_700_000_000_000);
    expect(Object.values(server.counters.toJSON())).toEqual([1]);
  });

  it.each(['NS-type4', 'NS-type5', 'NS-type7'])('%s, an answer of the old format, changes nothing at host0', (name) => {
    const node = given.host0();
    const sid = nodeAt(name, 2);
    node.stack.bindService(sid);
    node.receives(name).sendsNothing();
  });
});

describe('STREAM packets of the prototype', () => {
  const toService = fromHost0.filter((name) => name.startsWith('STREAM'));
  it.each(toService)('%s is counted and dropped at host1, where its service is', (name) => {
    const node = given.host1();
    node.stack.datagrams.open(nodeAt(name, 2));
    node.stack.bindService(nodeAt(name, 2));
    node.receives(name).sendsNothing();
    expect(node.datagrams).toEqual([]);
    expect(node.stack.datagrams.malformed).toBe(1);
  });

  it.each(['STREAM-SYNACK', 'STREAM-MIGRATEACK'])('%s is counted and dropped at host0', (name) => {
    const node = given.host0();
    node.stack.datagrams.open(nodeAt(name, 2));
    node.stack.bindService(nodeAt(name, 2));
    node.receives(name).sendsNothing();
    expect(node.stack.datagrams.malformed).toBe(1);
  });
});

describe('XCMP', () => {
  it('XCMP-type8-code0 is answered by host1 with all of its data, from the address that was asked', () => {
    const view = given.host1().receives('XCMP-type8-code0').sends();
    const asked = decode('XCMP-type8-code0');
    const request = decodeXcmp(asked.payload());
    const reply = decodeXcmp(view.payload());
    if (request.kind !== 'echo' || reply.kind !== 'echo-reply') throw new Error('no echo');
    expect(reply).toMatchObject({ id: request.id, sequence: request.sequence, code: 0 });
    expect(toHex(reply.data)).toBe(toHex(request.data));
    expect(view.destinationDag().toString()).toBe(asked.sourceDag().toString());
    expect(view.sourceDag().toString()).toBe(asked.destinationDag().toString());
    // As far as the prototype's own reply has the data, ours has the same bytes behind type, code and checksum.
    const captured = decode('XCMP-type0-code0').payload();
    expect(toHex(view.payload().subarray(4, 52))).toBe(toHex(captured.subarray(4, 52)));
    expect([view.hopLimit, view.last]).toEqual([250, -1]);
  });

  it('XCMP-type8-code0 with its last hop has arrived at host1, and is answered', () => {
    const view = given.host1().receives('XCMP-type8-code0', withHopLimit(1)).sends();
    expect(decodeXcmp(view.payload())).toMatchObject({ kind: 'echo-reply' });
  });

  it('XCMP-type8-code0 with a wrong checksum is dropped and counted', () => {
    given
      .host1()
      .receives('XCMP-type8-code0', (frame) => {
        frame[frame.length - 1]! ^= 1;
      })
      .sendsNothing()
      .counts('delivery bad-xcmp', 1);
  });

  it.each(['XCMP-type11-code1', 'XCMP-type3-code1', 'XCMP-type5-code1'])('%s is never answered by host0', (name) => {
    const node = given.host0();
    node.receives(name).sendsNothing();
    node.stack.bindService(nodeAt(name, 2));
    node.receives(name).sendsNothing();
  });

  it('XCMP-type0-code0 is taken by host0 without an answer', () => {
    const node = given.host0();
    node.stack.bindService(nodeAt('XCMP-type0-code0', 2));
    node.receives('XCMP-type0-code0').sendsNothing().counts('delivery bad-xcmp', 0);
  });

  it('XCMP-type5-code1 is counted by host0, and believed by nobody', () => {
    const node = given.host0();
    node.stack.bindService(nodeAt('XCMP-type5-code1', 2));
    const before = [...node.stack.engine.table(PrincipalType.AD).entries()].length;
    node.receives('XCMP-type5-code1').sendsNothing().counts('xcmp redirectsIgnored', 1);
    expect([...node.stack.engine.table(PrincipalType.AD).entries()].length).toBe(before);
    expect(node.stack.engine.isLocal(AD0)).toBe(true);
  });

  it.each(['XCMP-type11-code1', 'XCMP-type3-code1', 'XCMP-type5-code1'])('%s is no error for a router to report about', (name) => {
    given.router0().receives(name, withHopLimit(1)).sendsNothing().counts('xcmp errorsUnanswerable', 1);
  });
});

describe('on the link', () => {
  it('XARP-op1 is answered by router0, whom it asks for, as the captured reply is laid out', () => {
    const node = given.router0().receives('XARP-op1');
    const captured = frames.get('XARP-op2')!;
    // The captured reply is host0's; the one to host0 has the two names the other way round.
    const expected = Uint8Array.from(captured);
    expected.set(ROUTER0.id, 14 + 18);
    expected.set(HOST0.id, 14 + 48);
    expect(node.xarp.map(toHex)).toEqual([toHex(expected)]);
    expect(toHex(CAPTURED_MAC)).toBe(toHex(captured.subarray(0, 6)));
  });

  it('XARP-op1 is not answered by anybody else', () => {
    for (const name of ['host0', 'host1', 'router1'] as const) given[name]().receives('XARP-op1').sendsNothing();
  });

  it('XARP-op2 is believed by router0 only if it asked', () => {
    const node = given.router0().receives('XARP-op2').sendsNothing();
    const neighbour = node.link.neighbourFor(HOST0);
    node.receives('XARP-op2').sendsNothing();
    expect(node.link.send(neighbour, new Uint8Array(40), undefined, 0)).toBe(true);
    expect(node.xarp.length).toBe(1);
    expect(node.link.stats()).toMatchObject({ unasked: 2, learned: 0 });
  });

  it('XHCP-BEACON is no beacon of ours: refused and counted by host0', () => {
    const node = given.host0().receives('XHCP-BEACON', asBroadcast).sendsNothing();
    expect(Object.values(node.stack.mobility.counters.toJSON()).some((count) => count > 0)).toBe(true);
    expect(node.stack.mobility.attachment).toBeUndefined();
  });

  it.each(['XROUTE-HELLO', 'XROUTE-HOSTREGISTER', 'XROUTE-LSA'])('%s is for nobody here: dropped, counted, not sent on', (name) => {
    given.host0().receives(name).sendsNothing().counts('forwarding broadcast-not-ours', 1);
    for (const node of [given.router0(), given.router1()]) {
      // Our routing has the same SID, and knows none of its messages.
      node.receives(name).sendsNothing().counts('delivery routing', 1);
      const counted = Object.values(node.stack.counters()['routing']!).reduce((sum, count) => sum + count, 0);
      expect([counted, [...node.stack.routing!.neighbours(0)].length]).toEqual([1, 0]);
    }
  });
});

describe('a redirect of ours', () => {
  it('names what was looked up, and the neighbour on the same link', () => {
    const node = given.router0();
    const neighbour = node.link.neighbourFor(ROUTER1);
    node.stack.engine.route(AD1, { face: 1, neighbour });
    node.receives('XCMP-type8-code0');
    expect(node.xarp.length).toBe(1); // the packet waits for the address of router1
    const view = node.sends();
    const message = decodeXcmp(view.payload());
    if (message.kind !== 'error') throw new Error('no error');
    expect(message).toMatchObject({ type: XcmpType.REDIRECT, code: 1 });
    expect(message.xids.map(String)).toEqual([AD1.toString(), ROUTER1.toString()]);
    expect(view.destinationDag().toString()).toBe(decode('XCMP-type8-code0').sourceDag().toString());
    node.counts('xcmp redirects', 1);
  });

  it('comes ten times at once, and never about an error', () => {
    const node = given.router0();
    node.stack.engine.route(AD1, { face: 1, neighbour: node.link.neighbourFor(ROUTER1) });
    for (let n = 0; n < 20; n++) node.receives('DGRAM-DATA');
    node.counts('xcmp redirects', 10).counts('xcmp redirectsLimited', 10);
    node.stack.engine.route(HOST0, { face: 1, neighbour: node.link.neighbourFor(ROUTER1) });
    node.receives('XCMP-type3-code1').counts('xcmp redirects', 10).counts('xcmp redirectsUnanswerable', 1);
  });
});
