import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CaptureFilter, MAX_CAPTURES, XipView, type CapturedPacket, type XiaNode } from 'xia-core';
import { startApplication, startRouter } from './testbed.js';

describe('a capture of a router', () => {
  const nodes: XiaNode[] = [];
  let router: XiaNode;
  let alice: XiaNode;
  let bob: XiaNode;

  beforeAll(async () => {
    const started = await startRouter();
    router = started.node;
    alice = await startApplication(started.access);
    bob = await startApplication(started.access);
    nodes.push(alice, bob, router);
  });
  afterAll(async () => {
    for (const node of nodes) await node.close();
  });

  const ping = async () => {
    await using echo = alice.echo();
    const answered = once(echo, 'reply');
    echo.send(bob.dag(), { sequence: 1 });
    await answered;
  };
  const hopLimit = (packet: CapturedPacket) => {
    const view = new XipView();
    expect(view.reset(packet.bytes)).toBeUndefined();
    return view.hopLimit;
  };

  it('has packets as they came and as they left, and ends when it is told', async () => {
    const packets: CapturedPacket[] = [];
    const stop = router.capture((packet) => packets.push(packet), { filter: CaptureFilter.parse('xcmp') });
    await ping();
    expect(packets.map(({ direction, face }) => [direction, face])).toEqual(
      ['in', 'out', 'in', 'out'].map((direction) => [direction, 'access']),
    );
    expect(packets.map(hopLimit)).toEqual([250, 249, 250, 249]);
    expect(packets[0]!.neighbour).toBe(packets[3]!.neighbour);
    expect(packets[1]!.neighbour).toBe(packets[2]!.neighbour);
    expect(Math.abs(packets[0]!.wallMs - Date.now())).toBeLessThan(60_000);
    stop();
    stop();
    await ping();
    expect(packets).toHaveLength(4);
  });

  it('has no more of a packet than it asks for, says how long the packet was, and leaves out what is not wanted', async () => {
    const packets: CapturedPacket[] = [];
    let asked = 0;
    const stop = router.capture((packet) => packets.push(packet), {
      filter: CaptureFilter.parse('in xcmp'),
      snaplen: 64,
      wants: () => asked++ > 0,
    });
    await ping();
    stop();
    expect(asked).toBe(2);
    expect(packets).toHaveLength(1);
    expect(packets[0]!.bytes).toHaveLength(64);
    expect(packets[0]!.length).toBeGreaterThan(64);
  });

  it('has packets whole that are sent in two parts', async () => {
    const packets: CapturedPacket[] = [];
    const stop = bob.capture((packet) => packets.push(packet), { filter: CaptureFilter.parse('out chunk') });
    const content = randomBytes(30_000);
    expect(Buffer.from(await alice.fetch(bob.publish(content).dag)).equals(content)).toBe(true);
    stop();
    const parts = packets.map(({ bytes, length }) => {
      expect(bytes).toHaveLength(length);
      const view = new XipView();
      expect(view.reset(bytes)).toBeUndefined();
      return view.payload().slice(52);
    });
    expect(Buffer.concat(parts).includes(content.subarray(0, 1000))).toBe(true);
  });

  it('is one of a bounded number', () => {
    const stops = Array.from({ length: MAX_CAPTURES }, () => router.capture(() => {}));
    expect(() => router.capture(() => {})).toThrow(expect.objectContaining({ code: 'limit-reached' }));
    stops[0]!();
    const last = router.capture(() => {});
    for (const stop of [...stops, last]) stop();
  });
});
