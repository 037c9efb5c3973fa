import { describe, expect, it } from 'vitest';
import type { CongestionController } from '../../../xia-core/src/congestion/congestion.js';
import { Cubic } from '../../../xia-core/src/congestion/cubic.js';
import { NewReno } from '../../../xia-core/src/congestion/new-reno.js';
import { Host, Network, pattern, sid } from '../transport/network.js';
import { ackSample } from './samples.js';
import { Pump } from '../transport/pump.js';

const PACKET = 1200;

/** Acknowledges one window every `rttMs` until `untilMs`. */
function grow(controller: CongestionController, fromMs: number, untilMs: number, rttMs: number): void {
  for (let now = fromMs + rttMs; now <= untilMs; now += rttMs) {
    const packets = Math.floor(controller.windowBytes / PACKET);
    for (let i = 0; i < packets; i++) controller.acked(ackSample({ bytes: PACKET, newestSentMs: now - rttMs, now, smoothedRttMs: rttMs }));
  }
}

describe.each([
  ['NewReno', () => new NewReno(), 0.5],
  ['CUBIC', () => new Cubic(), 0.7],
] as const)('%s', (_, make, beta) => {
  it('starts with ten packets, or two large ones', () => {
    const controller = make();
    controller.setPacketBytes(PACKET);
    expect(controller.windowBytes).toBe(12_000);
    controller.setPacketBytes(60_000);
    expect(controller.windowBytes).toBe(120_000);
  });

  it('doubles in a round trip until the first loss, then grows slowly', () => {
    const controller = make();
    controller.setPacketBytes(PACKET);
    grow(controller, 0, 50, 50);
    expect(controller.windowBytes).toBe(24_000);
    controller.lost(PACKET, 50, 0, 60);
    expect(controller.windowBytes).toBeCloseTo(24_000 * beta);
    const before = controller.windowBytes;
    grow(controller, 100, 150, 50);
    expect(controller.windowBytes).toBeGreaterThan(before);
    expect(controller.windowBytes).toBeLessThan(before + 2 * PACKET);
  });

  it('shrinks once for all losses of one round trip, and ignores growth from before', () => {
    const controller = make();
    controller.setPacketBytes(PACKET);
    controller.lost(PACKET, 10, 0, 20);
    const once = controller.windowBytes;
    controller.lost(PACKET, 15, 0, 25);
    controller.acked(ackSample({ bytes: PACKET, newestSentMs: 19, now: 30, smoothedRttMs: 20 }));
    expect(controller.windowBytes).toBe(once);
    controller.lost(PACKET, 21, 0, 40);
    expect(controller.windowBytes).toBeLessThan(once);
  });

  it('does not grow while the application has nothing to send', () => {
    const controller = make();
    controller.setPacketBytes(PACKET);
    for (let i = 0; i < 100; i++)
      controller.acked(ackSample({ bytes: PACKET, newestSentMs: i, now: i + 10, smoothedRttMs: 10, limited: false }));
    expect(controller.windowBytes).toBe(12_000);
  });

  it('never falls below two packets, and collapses to them', () => {
    const controller = make();
    controller.setPacketBytes(PACKET);
    for (let i = 0; i < 50; i++) controller.lost(PACKET, i * 10, 0, i * 10 + 5);
    expect(controller.windowBytes).toBe(2 * PACKET);
    controller.reset(600);
    expect(controller.windowBytes).toBe(12_000);
    controller.collapsed(700);
    expect(controller.windowBytes).toBe(2 * PACKET);
  });

  it('keeps a link of 2 MB/s with a queue of 50 KB busy', () => {
    const network = new Network(3, { delayMs: 10, rate: 2000, queueBytes: 50_000 });
    const client = new Host(network, 'a', 1, { congestion: make });
    const server = new Host(network, 'b', 2);
    const data = pattern(6_000_000);
    const a = new Pump(network, client, data, 100_000);
    const b = new Pump(network, server, new Uint8Array(0));
    server.endpoint.listen(sid('1'));
    client.endpoint.connect(server.dag(sid('1')), sid('2'), 0);
    expect(network.run(20_000, () => b.ended)).toBe(true);
    const share = data.length / network.now / 2000;
    expect(share).toBeGreaterThan(0.85);
    expect(a.connection.stats.bytesResent / data.length).toBeLessThan(0.05);
  });
});

describe('CUBIC', () => {
  it('is back at the window of the loss after the time that RFC 9438 gives', () => {
    const controller = new Cubic();
    controller.setPacketBytes(PACKET);
    grow(controller, 0, 250, 50);
    const plateau = controller.windowBytes;
    controller.lost(PACKET, 250, 0, 300);
    const k = Math.cbrt((plateau * 0.3) / PACKET / 0.4) * 1000;
    grow(controller, 301, 301 + k * 0.7, 50);
    expect(controller.windowBytes / plateau).toBeGreaterThan(0.9);
    expect(controller.windowBytes / plateau).toBeLessThan(1.05);
    grow(controller, 301 + k * 0.7, 301 + 2 * k, 50);
    expect(controller.windowBytes / plateau).toBeGreaterThan(1.15);
  });
});
