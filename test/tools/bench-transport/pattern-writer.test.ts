import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Pattern, PatternCheck } from '../../../tools/src/bench-transport/pattern.js';
import { PatternWriter } from '../../../tools/src/bench-transport/pattern-writer.js';

describe('PatternWriter', () => {
  it('writes what was ordered, before and after it has a stream, no faster than that takes it', async () => {
    const pattern = new Pattern();
    const check = new PatternCheck(pattern);
    let most = 0;
    const slow = new Writable({
      highWaterMark: 100_000,
      write(piece: Buffer, _encoding, callback) {
        most = Math.max(most, slow.writableLength);
        check.take(piece);
        setImmediate(callback);
      },
    });
    const writer = new PatternWriter(pattern);
    writer.order(700_000);
    writer.attach(slow);
    writer.order(300_001);
    while (check.bytes < 1_000_001) await new Promise((resolve) => setImmediate(resolve));
    expect([check.bytes, check.wrong]).toEqual([1_000_001, 0]);
    expect(most).toBeLessThan(600_000);
  });
});
