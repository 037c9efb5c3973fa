import { describe, expect, it } from 'vitest';
import { concatBytes, SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { serviceDag } from '../../../xia-core/src/dag/index.js';
import { DatagramEndpoint, type DatagramLimits } from '../../../xia-core/src/transport/datagram-endpoint.js';
import type { OutgoingPacket } from '../../../xia-core/src/transport/stream-options.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { ad, pattern, sid } from './network.js';

const HID = Xid.of(PrincipalType.HID, '7'.repeat(40));
const PEER = serviceDag(ad('b'), Xid.of(PrincipalType.HID, '8'.repeat(40)), sid('5'));

function endpoint(limits: Partial<DatagramLimits> = {}) {
  const sent: OutgoingPacket[] = [];
  const readable: Xid[] = [];
  const datagrams = new DatagramEndpoint({
    mtu: () => 1400,
    rng: new SeededRandom(1),
    localDag: (service) => serviceDag(ad('a'), HID, service),
    output: (packet) => {
      sent.push(packet);
      return true;
    },
    onReadable: (socket) => readable.push(socket.sid),
    limits,
  });
  return { datagrams, sent, readable };
}

const wire = (packet: OutgoingPacket): Uint8Array => concatBytes(...packet.payload);

describe('DatagramEndpoint', () => {
  it('carries a datagram from socket to socket, with the address to answer to', () => {
    const a = endpoint();
    const b = endpoint();
    const from = a.datagrams.open();
    const to = b.datagrams.open(sid('1'));
    expect(from.send(PEER, pattern(100))).toBe(true);
    const [packet] = a.sent;
    expect(packet!.source.intent.equals(from.sid)).toBe(true);
    expect(b.datagrams.handlePacket(wire(packet!), packet!.source, sid('1'))).toBe(true);
    expect(b.readable).toEqual([to.sid]);
    const got = to.receive()!;
    expect(got.payload).toEqual(pattern(100));
    expect(got.source.equals(packet!.source)).toBe(true);
    expect(to.receive()).toBeUndefined();
  });

  it('has 208 bytes before its content between two services with an AD each, as docs/tools.md says', () => {
    const socket = endpoint().datagrams.open();
    expect(socket.largestPayload(PEER)).toBe(1400 - 208);
    expect([socket.send(PEER, pattern(1400 - 208)), socket.send(PEER, pattern(1400 - 207))]).toEqual([true, false]);
  });

  it('makes up SIDs that differ, and lends each SID once', () => {
    const { datagrams } = endpoint();
    const sids = new Set(Array.from({ length: 20 }, () => datagrams.open().sid.key));
    expect(sids.size).toBe(20);
    const socket = datagrams.open(sid('1'));
    expect(() => datagrams.open(sid('1'))).toThrow(expect.objectContaining({ code: 'address-in-use' }));
    socket.close();
    datagrams.open(sid('1'));
  });

  it('drops and counts what does not fit the queue', () => {
    const a = endpoint();
    a.datagrams.open().send(PEER, pattern(10));
    const bytes = wire(a.sent[0]!);
    for (const limits of [{ maxQueued: 3 }, { maxQueuedBytes: 3 * bytes.length }]) {
      const { datagrams, readable } = endpoint(limits);
      const socket = datagrams.open(sid('1'));
      for (let i = 0; i < 5; i++) datagrams.handlePacket(bytes.slice(), PEER, sid('1'));
      expect([socket.queued, socket.dropped]).toEqual([3, 2]);
      expect(readable).toHaveLength(1);
      socket.receive();
      datagrams.handlePacket(bytes.slice(), PEER, sid('1'));
      expect([socket.queued, socket.dropped]).toEqual([3, 2]);
    }
  });

  it('keeps order through a long queue', () => {
    const { datagrams } = endpoint();
    const a = endpoint();
    const out = a.datagrams.open();
    const socket = datagrams.open(sid('1'));
    let next = 0;
    for (let i = 0; i < 2000; i++) {
      out.send(PEER, new Uint8Array([i & 255, i >> 8]));
      datagrams.handlePacket(wire(a.sent[i]!), PEER, sid('1'));
      if (i % 3 === 0) continue;
      const { payload } = socket.receive()!;
      expect(payload[0]! + 256 * payload[1]!).toBe(next++);
    }
  });

  it('counts what is for nobody and what is no datagram', () => {
    const { datagrams } = endpoint();
    const a = endpoint();
    a.datagrams.open().send(PEER, pattern(10));
    expect(datagrams.handlePacket(wire(a.sent[0]!), PEER, sid('1'))).toBe(false);
    expect(datagrams.handlePacket(pattern(10), PEER, sid('1'))).toBe(false);
    expect([datagrams.unclaimed, datagrams.malformed]).toEqual([1, 1]);
  });

  it('sends nothing from a closed socket, and opens only so many', () => {
    const { datagrams } = endpoint({ maxSockets: 2 });
    const socket = datagrams.open();
    datagrams.open();
    expect(() => datagrams.open()).toThrow(expect.objectContaining({ code: 'limit-reached' }));
    socket.close();
    socket.close();
    expect(socket.send(PEER, pattern(1))).toBe(false);
    expect(datagrams.size).toBe(1);
  });
});
