import { describe, expect, it } from 'vitest';
import type { LinkShape } from '../../../xia-core/src/emulation/link-shape.js';
import { linkPresets, type LinkPresetName } from '../../../xia-core/src/emulation/presets.js';
import type { CongestionName } from '../../../xia-core/src/congestion/controllers.js';
import { Bottleneck, type BottleneckOptions } from '../../simulation/bottleneck.js';

/** What of a packet of 1400 bytes is stream bytes. */
const GOODPUT = 0.855;

/** Mbit/s of each flow; they begin half a second apart. */
function rates(
  link: { there: LinkShape; back: LinkShape } | LinkPresetName,
  controllers: readonly CongestionName[],
  fromMs: number,
  ms: number,
  hosts: Pick<BottleneckOptions, 'mtu' | 'lateMs' | 'pauses'> = {},
): number[] {
  const { there, back } = typeof link === 'string' ? linkPresets[link] : link;
  const flows = controllers.map((congestion, i) => ({ congestion, startMs: 500 * i }));
  const bottleneck = new Bottleneck({ seed: 1, there, back, tickMs: 1, flows, ...hosts });
  bottleneck.runFor(fromMs);
  const before = bottleneck.flows.map(({ received }) => received);
  bottleneck.runFor(ms);
  return bottleneck.flows.map(({ received }, i) => ((received - before[i]!) * 8) / ms / 1000);
}

describe('streams through a bottleneck', () => {
  it.each([
    ['loss1', 200, 0.9],
    ['burst', 200, 0.9],
    ['loss5', 200, 0.75],
    ['wan', 1000, 0.9],
  ] as const)('use a link with BBR: %s', (preset, mbits, share) => {
    const [rate] = rates(preset, ['bbr'], 2000, 3000);
    expect(rate! / (mbits * GOODPUT)).toBeGreaterThan(share);
  });

  it.each([
    ['bbr', 200],
    ['cubic', 200],
    ['bbr', 1000],
    ['cubic', 1000],
  ] as const)('use a link although timers are late by 10 ms: %s, %d Mbit/s', (name, mbits) => {
    const shape = { delayMs: 13.5, bytesPerSecond: mbits * 125_000, queueBytes: mbits * 3375 };
    const [rate] = rates({ there: shape, back: shape }, [name], 1000, 2000, { mtu: 1472, lateMs: 10 });
    expect(rate! / (mbits * GOODPUT)).toBeGreaterThan(0.95);
  });

  it.each([
    ['bbr', 5, 10, 0.85],
    ['cubic', 5, 10, 0.85],
    ['bbr', 20, 20, 0.5],
    ['cubic', 20, 20, 0.5],
  ] as const)('use a link although their processes wait for a processor: %s, %d ms in turn with %d ms', (name, forMs, afterMs, share) => {
    const shape = { delayMs: 13.5, bytesPerSecond: 25_000_000, queueBytes: 675_000 };
    const [rate] = rates({ there: shape, back: shape }, [name], 1000, 4000, { mtu: 1472, lateMs: 2, pauses: { forMs, afterMs } });
    expect(rate! / (200 * GOODPUT)).toBeGreaterThan(share);
  });

  it('use a link that reorders with CUBIC, since nothing is lost there', () => {
    const [rate] = rates('reorder10', ['cubic'], 2000, 3000);
    expect(rate! / (200 * GOODPUT)).toBeGreaterThan(0.9);
  });

  it.each([[['bbr', 'bbr']], [['cubic', 'bbr']], [['bbr', 'cubic']], [['cubic', 'cubic']]] as const)(
    'share a link with a queue of one round trip: %s',
    (controllers) => {
      const shape = { delayMs: 13.5, bytesPerSecond: 2_500_000, queueBytes: 67_500 };
      const shares = rates({ there: shape, back: shape }, controllers, 10_000, 30_000);
      const fair = (20 * GOODPUT) / 2;
      for (const share of shares) {
        expect(share / fair).toBeGreaterThan(0.5);
        expect(share / fair).toBeLessThan(2);
      }
    },
  );
});
