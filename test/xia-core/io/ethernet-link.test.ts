import { beforeEach, describe, expect, it } from 'vitest';
import {
  BROADCAST_HID,
  BROADCAST_MAC,
  encodeEthernet,
  encodeXarp,
  EtherType,
  parseEthernet,
  parseXarp,
  PrincipalType,
  toHex,
  Xid,
} from 'xia-core';
import { EthernetLink, macOfHid } from '../../../xia-core/src/io/ethernet-link.js';
import { frames } from '../../data/vectors.js';

const hid = (digit: string) => Xid.of(PrincipalType.HID, digit.repeat(40));
const OURS = hid('1');
const MAC = macOfHid(OURS);
const mac = (last: number) => Uint8Array.of(2, 0, 0, 0, 0, last);
const PACKET = Uint8Array.from({ length: 60 }, (_, index) => index);

let sent: { station: number; frame: Uint8Array; body: Uint8Array | undefined }[];
let heard: { neighbour: number; packet: Uint8Array }[];
let gone: number[];
let announced: number[];

function linkOf(
  hidOfNode: Xid,
  options: { neighbours?: { xid: Xid; mac: Uint8Array }[]; xarp?: boolean; mac?: Uint8Array } = {},
): EthernetLink {
  return new EthernetLink({
    hid: hidOfNode,
    mac: options.mac ?? macOfHid(hidOfNode),
    neighbours: options.neighbours ?? [],
    xarp: options.xarp ?? true,
    output: (station, frame, body) => sent.push({ station, frame, body }) > 0,
    onPacket: (neighbour, packet) => heard.push({ neighbour, packet }),
    onAnnounced: (neighbour) => announced.push(neighbour),
    onGone: (neighbour) => gone.push(neighbour),
  });
}

beforeEach(() => {
  [sent, heard, gone, announced] = [[], [], [], []];
});

const xip = (to: Uint8Array, from: Uint8Array) => encodeEthernet(to, from, EtherType.XIP, PACKET);

describe('frames', () => {
  it('to us and to everybody are taken, others are counted', () => {
    const link = linkOf(OURS);
    expect(link.receive(xip(MAC, mac(5)), 3, 0)).toBe(true);
    expect(link.receive(xip(BROADCAST_MAC, mac(6)), 3, 0)).toBe(true);
    expect(link.receive(xip(mac(9), mac(6)), 3, 0)).toBe(false);
    expect(link.receive(encodeEthernet(MAC, mac(5), EtherType.IPV6, PACKET), 3, 0)).toBe(false);
    expect(link.receive(xip(MAC, BROADCAST_MAC), 3, 0)).toBe(false);
    expect(link.receive(new Uint8Array(14), 3, 0)).toBe(false);
    expect(link.counters).toMatchObject({ notForUs: 1, otherFrames: 3 });
    expect(heard.map(({ neighbour }) => neighbour)).toEqual([1, 2]);
    expect(heard[0]!.packet).toEqual(PACKET);
  });

  it('go where frames from the station came from, and to everybody on broadcast', () => {
    const link = linkOf(OURS);
    link.receive(xip(MAC, mac(5)), 3, 0);
    const body = Uint8Array.of(1, 2);
    expect(link.send(1, PACKET, body, 0)).toBe(true);
    expect(link.send(0, PACKET, undefined, 0)).toBe(true);
    expect(sent.map(({ station, body: rest }) => [station, rest])).toEqual([
      [3, body],
      [0, undefined],
    ]);
    expect(toHex(sent[0]!.frame)).toBe(toHex(xip(mac(5), MAC)));
    expect(toHex(sent[1]!.frame)).toBe(toHex(xip(BROADCAST_MAC, MAC)));
    expect(link.send(2, PACKET, undefined, 0)).toBeUndefined();
    link.stationGone(3);
    link.send(1, PACKET, undefined, 0);
    expect(sent[2]!.station).toBe(0);
  });

  it('of more stations than are remembered take the place of the one silent for longest', () => {
    const link = linkOf(OURS, { neighbours: [{ xid: hid('2'), mac: mac(1) }] });
    for (let n = 0; n < 1025; n++) link.receive(xip(MAC, Uint8Array.of(2, 1, 0, 0, n >> 8, n & 0xff)), 1, 0);
    expect(gone).toEqual([2]);
    expect(heard.at(-1)!.neighbour).toBe(2);
    expect(link.neighbourFor(hid('2'))).toBe(1);
  });

  it('of RARP announce a machine', () => {
    const link = linkOf(OURS);
    const rarp = Uint8Array.from([0, 1, 8, 0, 6, 4, 0, 3, ...mac(7), 0, 0, 0, 0, ...mac(7), 0, 0, 0, 0]);
    link.receive(encodeEthernet(BROADCAST_MAC, mac(7), EtherType.RARP, rarp), 1, 0);
    link.receive(encodeEthernet(BROADCAST_MAC, mac(7), EtherType.RARP, rarp.subarray(0, 20)), 1, 0);
    expect(announced).toEqual([1]);
  });
});

describe('a neighbour with a name', () => {
  it('has one id for ever, also for what comes from it; everybody is 0', () => {
    const link = linkOf(OURS, { neighbours: [{ xid: hid('2'), mac: mac(2) }] });
    expect([link.neighbourFor(hid('2')), link.neighbourFor(hid('3')), link.neighbourFor(hid('3'))]).toEqual([1, 2, 2]);
    expect(link.neighbourFor(BROADCAST_HID)).toBe(0);
    expect([String(link.hidOf(1)), link.hidOf(7)]).toEqual([hid('2').toString(), undefined]);
    link.receive(xip(MAC, mac(2)), 4, 0);
    expect(heard[0]!.neighbour).toBe(1);
    link.send(1, PACKET, undefined, 0);
    expect([sent[0]!.station, toHex(sent[0]!.frame)]).toEqual([4, toHex(xip(mac(2), MAC))]);
  });

  it('must be configured when nobody may be asked', () => {
    const link = linkOf(OURS, { xarp: false });
    expect(() => link.neighbourFor(hid('3'))).toThrow(expect.objectContaining({ code: 'bad-config' }));
    expect(link.receive(frames.get('XARP-op1')!, 1, 0)).toBe(false);
  });

  it('is found by XARP, and keeps its id when it was heard before under its MAC address', () => {
    const [a, b] = [linkOf(OURS), linkOf(hid('2'))];
    a.receive(xip(MAC, macOfHid(hid('2'))), 5, 0);
    const neighbour = a.neighbourFor(hid('2'));
    expect(a.send(neighbour, PACKET, undefined, 0)).toBe(true);
    const request = sent.shift()!;
    expect(request.station).toBe(0);
    expect(b.receive(request.frame, 1, 0)).toBe(true);
    expect(a.receive(sent.shift()!.frame, 5, 0)).toBe(true);
    expect([sent[0]!.station, toHex(sent[0]!.frame)]).toEqual([5, toHex(xip(macOfHid(hid('2')), MAC))]);
    a.receive(xip(MAC, macOfHid(hid('2'))), 6, 0);
    expect(heard.map((one) => one.neighbour)).toEqual([1, neighbour]);
    a.send(1, PACKET, undefined, 0);
    expect(sent.at(-1)!.station).toBe(6);
  });

  it('that nobody answers for is dropped after a second', () => {
    const link = linkOf(OURS);
    const neighbour = link.neighbourFor(hid('2'));
    expect(link.send(neighbour, PACKET, undefined, 0)).toBe(true);
    for (let at = link.nextTimeout(); at < Infinity; at = link.nextTimeout()) link.handleTimeout(at);
    expect(link.stats()).toMatchObject({ asked: 10, unanswered: 1, droppedUnanswered: 1 });
    expect(link.send(neighbour, PACKET, undefined, 1001)).toBeUndefined();
  });
});

describe('XARP as the prototype speaks it', () => {
  const asked = frames.get('XARP-op1')!;
  const prototypeMac = asked.subarray(6, 12);
  const parsedRequest = parseXarp(asked.subarray(14));
  if (parsedRequest.fault !== undefined) throw new Error(parsedRequest.fault);
  const router0 = parsedRequest.targetXid;
  const host0 = parsedRequest.senderXid;

  it('is answered byte for byte when it asks for us, padded or not', () => {
    for (const padding of [0, 18]) {
      const link = linkOf(router0);
      link.receive(Uint8Array.from([...asked, ...new Uint8Array(padding)]), 1, 0);
      const expected = encodeXarp({
        operation: 'reply',
        senderMac: macOfHid(router0),
        senderXid: router0,
        targetMac: prototypeMac,
        targetXid: host0,
      });
      const reply = parseEthernet(sent.pop()!.frame);
      if (reply.fault !== undefined) throw new Error(reply.fault);
      expect(toHex(reply.payload)).toBe(toHex(expected));
      expect([toHex(reply.destination), toHex(reply.source)]).toEqual([toHex(prototypeMac), toHex(macOfHid(router0))]);
    }
  });

  it('is not answered when it asks for another, or makes no sense', () => {
    const link = linkOf(OURS);
    expect(link.receive(asked, 1, 0)).toBe(true);
    const broken = Uint8Array.from(asked);
    broken[14 + 5] = 20;
    expect(link.receive(broken, 1, 0)).toBe(false);
    const fromEverybody = Uint8Array.from(asked).fill(0xff, 14 + 8, 14 + 14);
    expect(link.receive(fromEverybody, 1, 0)).toBe(false);
    expect([sent.length, link.counters.badXarp]).toEqual([0, 2]);
  });

  it('asks with the same bytes', () => {
    const link = linkOf(host0, { mac: prototypeMac });
    link.send(link.neighbourFor(router0), PACKET, undefined, 0);
    expect(toHex(sent[0]!.frame)).toBe(toHex(asked));
  });

  it('answers with the same bytes', () => {
    const link = linkOf(host0, { mac: prototypeMac });
    const request = encodeXarp({
      operation: 'request',
      senderMac: prototypeMac,
      senderXid: router0,
      targetMac: new Uint8Array(6),
      targetXid: host0,
    });
    link.receive(encodeEthernet(BROADCAST_MAC, prototypeMac, EtherType.XARP, request), 1, 0);
    expect(toHex(sent[0]!.frame)).toBe(toHex(frames.get('XARP-op2')!));
  });
});
