import { describe, expect, it } from 'vitest';
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
});
