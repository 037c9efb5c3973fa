import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_WINDOW_BYTES } from '../../../xia-core/src/congestion/congestion.js';
import { congestionControllers, type CongestionName } from '../../../xia-core/src/congestion/controllers.js';
import { DeliveryRate, newAckSample } from '../../../xia-core/src/congestion/delivery-rate.js';
import { Pacer } from '../../../xia-core/src/congestion/pacer.js';
import { ackSample } from './samples.js';

const names = Object.keys(congestionControllers) as CongestionName[];

const step = fc.record({
  kind: fc.constantFrom('acked', 'acked', 'acked', 'lost', 'spurious', 'collapsed', 'reset', 'packet'),
  afterMs: fc.double({ min: 0, max: 3000, noNaN: true }),
  bytes: fc.integer({ min: 1, max: 10_000_000 }),
  rate: fc.double({ min: 0, max: 10_000_000, noNaN: true }),
  rttMs: fc.double({ min: 0, max: 5000, noNaN: true }),
  inFlight: fc.nat(100_000_000),
  packetBytes: fc.integer({ min: 320, max: 65_535 }),
  flag: fc.boolean(),
});

describe.each(names)('%s, whatever happens', (name) => {
  it('keeps window and pace finite, positive and above two packets', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const controller = congestionControllers[name]();
        let [now, packetBytes, delivered] = [0, 1200, 0];
        controller.setPacketBytes(packetBytes);
        for (const { kind, afterMs, bytes, rate, rttMs, inFlight, flag, ...one } of steps) {
          now += afterMs;
          if (kind === 'acked') {
            delivered += bytes;
            const rtts = { latestRttMs: rttMs, smoothedRttMs: rttMs, minRttMs: rttMs };
            const counts = {
              bytes,
              deliveredBytes: delivered,
              priorDeliveredBytes: Math.max(0, delivered - inFlight),
              inFlightBytes: inFlight,
            };
            controller.sent(packetBytes, inFlight + packetBytes, now);
            controller.acked(
              ackSample({
                now,
                newestSentMs: now - rttMs,
                rateBytesPerMs: rate,
                rateIsAppLimited: flag,
                limited: !flag,
                ...rtts,
                ...counts,
              }),
            );
          } else if (kind === 'lost') controller.lost(bytes, now - rttMs, inFlight, now);
          else if (kind === 'packet') controller.setPacketBytes((packetBytes = one.packetBytes));
          else controller[kind](now);
          expect(controller.windowBytes).toBeGreaterThanOrEqual(2 * packetBytes);
          expect(controller.windowBytes).toBeLessThanOrEqual(MAX_WINDOW_BYTES);
          expect(controller.paceBytesPerMs).toBeGreaterThan(0);
        }
      }),
    );
  });
});

describe('Pacer', () => {
  it('never lets more out than the rate and what may be made up for', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 10_000, noNaN: true }),
        fc.integer({ min: 320, max: 60_000 }),
        fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 1, maxLength: 100 }),
        (rate, packetBytes, waits) => {
          const pacer = new Pacer();
          pacer.setPacketBytes(packetBytes);
          let [now, sent] = [0, 0];
          for (const waitMs of waits) {
            now += waitMs;
            for (let at = pacer.nextSendMs(now, rate, Infinity); at <= now; at = pacer.nextSendMs(now, rate, Infinity)) {
              pacer.sent(packetBytes);
              sent += packetBytes;
            }
            expect(sent).toBeLessThanOrEqual(rate * now + Math.max(2 * packetBytes, 4 * rate) + packetBytes);
          }
        },
      ),
    );
  });

  it('spaces packets, and lets as many go at a time as leave within a tick of 1 ms', () => {
    const pacer = new Pacer();
    pacer.setPacketBytes(1000);
    const drain = (now: number, rate: number): number => {
      let count = 0;
      for (; pacer.nextSendMs(now, rate, Infinity) <= now; count++) pacer.sent(1000);
      return count;
    };
    expect(drain(0, 100)).toBe(2);
    expect(pacer.nextSendMs(0, 100, Infinity)).toBeCloseTo(10);
    expect(drain(10, 100)).toBe(1);
    drain(10, 10_000);
    expect(pacer.nextSendMs(10, 10_000, Infinity)).toBeCloseTo(11);
    expect(drain(11, 10_000)).toBe(10);
  });

  it('does not pace a window that leaves within a tick', () => {
    const pacer = new Pacer();
    for (let i = 0; i < 100; i++) {
      expect(pacer.nextSendMs(5, 200_000, 200_000)).toBe(5);
      pacer.sent(60_000);
    }
  });
});

describe('DeliveryRate', () => {
  const sent = (rate: DeliveryRate, now: number, inFlight: number) => {
    rate.sending(now, inFlight);
    const { deliveredBytes, deliveredMs, firstSentMs, appLimited } = rate;
    return { sentMs: now, deliveredBytes, deliveredMs, firstSentMs, appLimited };
  };

  it('is what was delivered since the packet left, by the longer of sending and acknowledging', () => {
    const rate = new DeliveryRate();
    const stamps = [0, 1, 2, 3].map((ms) => sent(rate, ms, ms * 1000));
    const sample = newAckSample();
    stamps.forEach((stamp, i) => rate.acked(1000, stamp, 20 + 2 * i));
    rate.fill(sample, 20, 26);
    expect([sample.bytes, sample.deliveredBytes, sample.priorDeliveredBytes, sample.newestSentMs]).toEqual([4000, 4000, 0, 3]);
    expect(sample.rateBytesPerMs).toBeCloseTo(4000 / 26);
  });

  it('tells nothing over less than a round trip, and marks what the application held back', () => {
    const rate = new DeliveryRate();
    const sample = newAckSample();
    rate.acked(1000, sent(rate, 0, 0), 10);
    rate.fill(sample, 20, 10);
    expect([sample.rateBytesPerMs, sample.rateIsAppLimited]).toEqual([0, false]);
    rate.noteAppLimited(0);
    rate.acked(1000, sent(rate, 30, 0), 50);
    rate.fill(sample, 20, 50);
    expect([sample.rateBytesPerMs, sample.rateIsAppLimited]).toEqual([50, true]);
    rate.acked(1000, sent(rate, 60, 0), 80);
    rate.fill(sample, 20, 80);
    expect(sample.rateIsAppLimited).toBe(false);
  });
});
