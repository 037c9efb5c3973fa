import { describe, expect, it } from 'vitest';
import { Pacer } from '../../../xia-core/src/congestion/pacer.js';

const PACKET = 1200;
const WINDOW = 1_000_000;

/** Sends until the pacer stops it. Returns how many packets left. */
function burst(pacer: Pacer, now: number, rate: number): number {
  let packets = 0;
  for (; pacer.nextSendMs(now, rate, WINDOW) <= now; packets++) pacer.sent(PACKET);
  return packets;
}

function paced(rate: number): Pacer {
  const pacer = new Pacer();
  pacer.setPacketBytes(PACKET);
  burst(pacer, 0, rate);
  return pacer;
}

describe('pacing', () => {
  it('keeps the rate with a timer that is up to 10 ms late', () => {
    for (const rate of [100, 1200, 25_000, 125_000]) {
      const pacer = paced(rate);
      let now = 0;
      let packets = 0;
      for (let i = 0; i < 200; i++) {
        now = Math.max(now, pacer.nextSendMs(now, rate, WINDOW)) + ((i * 7) % 9);
        expect(pacer.overslept).toBe(false);
        packets += burst(pacer, now, rate);
      }
      expect((packets * PACKET) / (now * rate), `${rate} bytes per ms`).toBeCloseTo(1, 1);
    }
  });

  it('lets no more leave at once than an initial window, or 10 ms of it, and says when that was too little', () => {
    for (const [rate, most] of [
      [120, 10],
      [12_000, 101],
    ] as const) {
      const pacer = paced(rate);
      expect(burst(pacer, 1000, rate)).toBeLessThanOrEqual(most);
      const later = paced(rate);
      later.nextSendMs(1000, rate, WINDOW);
      expect(later.overslept).toBe(true);
      later.nextSendMs(1000, rate, WINDOW);
      expect(later.overslept).toBe(false);
    }
  });

  it('does not take a closed window for a late timer', () => {
    const pacer = paced(1200);
    expect(pacer.nextSendMs(1, 1200, WINDOW)).toBeLessThanOrEqual(1);
    pacer.sent(PACKET);
    expect(burst(pacer, 1000, 1200)).toBeLessThanOrEqual(5);
    expect(pacer.overslept).toBe(false);
  });
});
