import { describe, expect, it } from 'vitest';
import { durationText, sizeText, TransferRate } from '../../../tools/src/xcat/progress.js';

describe('TransferRate', () => {
  it('is that of the last seconds, and says how long the rest takes', () => {
    const rate = new TransferRate();
    expect([rate.bytesPerSecond, rate.secondsFor(1)]).toEqual([0, undefined]);
    let bytes = 0;
    // Ten seconds of 1 MB/s, then four of 5 MB/s.
    for (let atMs = 0; atMs <= 14_000; atMs += 200) {
      rate.add(bytes, atMs);
      bytes += atMs < 10_000 ? 200_000 : 1_000_000;
    }
    expect(rate.bytesPerSecond).toBeCloseTo(5e6);
    expect(rate.secondsFor(10e6)).toBeCloseTo(2);
  });

  it('falls to nothing when nothing moves', () => {
    const rate = new TransferRate();
    for (let atMs = 0; atMs <= 8000; atMs += 200) rate.add(Math.min(atMs, 1000), atMs);
    expect([rate.bytesPerSecond, rate.secondsFor(1)]).toEqual([0, undefined]);
  });
});

describe('figures as text', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [12_345_678, '12.3 MB'],
    [999_600, '1.0 MB'],
    [64e9, '64.0 GB'],
    [5e15, '5000 TB'],
  ])('%d bytes are %s', (bytes, text) => expect(sizeText(bytes)).toBe(text));

  it.each([
    [0, '0:00'],
    [6.1, '0:07'],
    [3723, '1:02:03'],
    [undefined, '-:--'],
  ])('%s s are %s', (seconds, text) => expect(durationText(seconds)).toBe(text));
});
