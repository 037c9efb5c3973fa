import { describe, expect, it } from 'vitest';
import { measureActiveStreams } from '../../../tools/src/bench-transport/active-connections.js';
import { measureIdleEndpoints, measureIdleStreams } from '../../../tools/src/bench-transport/idle-connections.js';

const MOST_BYTES = 16 * 1024;

describe('idle connections', () => {
  it('cost little memory each, and one timer for all of them', () => {
    const { bytes, timers } = measureIdleEndpoints(400);
    expect(bytes).toBeLessThan(MOST_BYTES);
    expect(timers.wakeUpsPerSecond).toBeLessThan(10);
    // A PING and its acknowledgement every 15 s for each.
    expect(timers.packetsPerSecond).toBeLessThan(1.1 * ((2 * 400) / 15));
  });

  it('cost little memory as streams of a node', async () => {
    const { bytes } = await measureIdleStreams(150, false);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });

  it('leave others undisturbed, of which every message arrives', async () => {
    const cost = await measureActiveStreams({ idle: 60, active: 20, everyMs: 50, forMs: 500 });
    expect(cost).toMatchObject({ connections: 80, active: 20 });
    expect(cost.messages).toBeGreaterThan(20);
    expect(cost.latencyMs.half).toBeLessThanOrEqual(cost.latencyMs.worst);
  });
});
