import { describe, expect, test } from 'vitest';
import { encodeXip, hostDag, NextHeader, PathMtuTable, quoteOf, serviceDag, XipView, type Dag } from 'xia-core';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { responderDag } from '../../../xia-core/src/content/responder-address.js';
import { TooBigJudge } from '../../../xia-core/src/stack/too-big.js';

const xid = (type: number, digits: string) => Xid.of(type, digits.repeat(20));
const AD = xid(PrincipalType.AD, 'ad');
const HERE = xid(PrincipalType.HID, '01');
const THERE = xid(PrincipalType.HID, '02');
const CID = xid(PrincipalType.CID, 'c1');
const here = serviceDag(AD, HERE, xid(PrincipalType.SID, '11'));
const there = serviceDag(AD, THERE, xid(PrincipalType.SID, '22'));
const STREAM_START = Uint8Array.of(0x10, 0, 1, 2, 3, 4, 5, 6);

function judge() {
  const table = new PathMtuTable();
  const too = new TooBigJudge({
    table,
    hasConnection: (destination, payload) => destination.equals(there) && payload.every((byte, at) => byte === STREAM_START[at]),
    hasChunk: (cid) => new Xid(PrincipalType.CID, cid).equals(CID),
  });
  const hear = (nextHeader: number, payload: Uint8Array, mtu: number, now = 0, destination: Dag = there, source: Dag = here) => {
    const sent = new XipView();
    expect(sent.reset(encodeXip({ nextHeader, destination, source, payload }))).toBeUndefined();
    const quote = new XipView();
    expect(quote.resetQuoted(quoteOf(sent))).toBeUndefined();
    too.heard(quote, destination, mtu, now);
    return table.limit(THERE, now);
  };
  return { table, too, hear };
}

const stream = (bytes: number) => {
  const payload = new Uint8Array(bytes);
  payload.set(STREAM_START);
  return payload;
};

describe('a "too big"', () => {
  test('is believed about a packet of a connection, for ten minutes', () => {
    const { table, too, hear } = judge();
    expect(hear(NextHeader.STREAM, stream(1280), 1252)).toBe(1252);
    expect(too.counters).toEqual({ believed: 1, unchanged: 0, unsent: 0, limited: 0 });
    expect(table.limit(THERE, 599_999)).toBe(1252);
    expect(table.limit(THERE, 600_000)).toBe(Infinity);
  });

  test('is not believed about a connection id that was guessed', () => {
    const { too, hear } = judge();
    const guessed = stream(1280);
    guessed[7] = 99;
    expect(hear(NextHeader.STREAM, guessed, 1252)).toBe(Infinity);
    expect(too.counters.unsent).toBe(1);
  });

  test('is not believed when the packet would have fitted, nor below the least that a path carries', () => {
    const { too, hear } = judge();
    expect(hear(NextHeader.STREAM, stream(1000), 1252)).toBe(Infinity);
    expect(hear(NextHeader.STREAM, stream(1280), 575)).toBe(Infinity);
    expect(too.counters.unsent).toBe(2);
    expect(hear(NextHeader.STREAM, stream(1280), 576)).toBe(576);
  });

  test('never raises a limit', () => {
    const { too, hear } = judge();
    expect(hear(NextHeader.STREAM, stream(1280), 1000)).toBe(1000);
    expect(hear(NextHeader.STREAM, stream(1280), 1200)).toBe(1000);
    expect(too.counters).toMatchObject({ believed: 1, unchanged: 1 });
  });

  test('is believed about segments of a chunk that is here, and of no other', () => {
    const { hear } = judge();
    const segment = (cid: Xid) => responderDag(hostDag(AD, HERE), cid);
    const other = xid(PrincipalType.CID, 'c2');
    expect(hear(NextHeader.CHUNK, new Uint8Array(1300), 1252, 0, there, segment(other))).toBe(Infinity);
    expect(hear(NextHeader.CHUNK, new Uint8Array(1300), 1252, 0, there, segment(CID))).toBe(1252);
  });

  test('is believed about datagrams only where a large one went lately', () => {
    const { too, hear } = judge();
    const datagram = new Uint8Array(1300);
    expect(hear(NextHeader.XCMP, datagram, 1252)).toBe(Infinity);
    too.sent(there, 500);
    expect(hear(NextHeader.XCMP, datagram, 1252)).toBe(Infinity);
    too.sent(there, 1400);
    expect(hear(NextHeader.XCMP, datagram, 1252)).toBe(1252);
    for (let count = 0; count < 64; count++) too.sent(here, 1400);
    expect(hear(NextHeader.XCMP, datagram, 1200)).toBe(1252);
  });

  test('changes no more than so many limits in a second', () => {
    const { too, hear } = judge();
    for (let mtu = 1400; mtu > 1300; mtu--) hear(NextHeader.STREAM, stream(1300), mtu);
    expect(too.counters).toMatchObject({ believed: 50, limited: 50 });
    hear(NextHeader.STREAM, stream(1300), 1000, 1000);
    expect(too.counters.believed).toBe(51);
  });
});
