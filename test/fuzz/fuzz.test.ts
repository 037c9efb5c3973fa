import { Dag, StreamFrame, StreamPacketView, XipView, type SeededRandom } from 'xia-core';
import { describe, expect, it } from 'vitest';
import { rarePackets } from './corpus.js';
import { failureText, runBatch } from './fuzz.js';
import type { Target } from './target.js';

/** Draws bytes, and breaks at one of them. */
function brittle(breaksAt: number, fault: string[] = []): Target {
  const start = (rng: SeededRandom) => {
    let byte = 0;
    return {
      step: () => {
        byte = rng.below(256);
        if (byte === breaksAt) throw new RangeError('that byte');
      },
      last: () => Uint8Array.of(byte),
      faults: () => fault,
    };
  };
  return { name: 'brittle', batch: 5000, start, replay: () => {} };
}

describe('a batch', () => {
  it('tells the case that threw, and runs the same cases again', () => {
    const first = runBatch(brittle(0xab), 7, 3).failure;
    expect(first).toMatchObject({ target: 'brittle', seed: 7, batch: 3, hex: 'ab', reason: expect.stringContaining('that byte') });
    expect(runBatch(brittle(0xab), 7, 3).failure).toEqual({ ...first, reason: expect.anything() });
    expect(runBatch(brittle(0xab), 8, 3).failure?.atCase).not.toBe(first?.atCase);
    expect(failureText(first!)).toContain('--replay brittle:7:3');
    expect(failureText(first!)).toContain('--replay brittle:ab');
  });

  it('tells what does not add up at its end', () => {
    expect(runBatch(brittle(-1, ['one packet is missing']), 1, 0).failure).toMatchObject({ atCase: 5000, reason: 'one packet is missing' });
    expect(runBatch(brittle(-1), 1, 0).failure).toBeUndefined();
  });
});

describe('the packets that are changed', () => {
  it('have the STREAM frames that nobody sends in a quiet network', () => {
    const service = (digit: string): Dag => Dag.parse(`RE HID:${digit.repeat(40)} SID:${digit.repeat(40)}`);
    const [view, stream] = [new XipView(), new StreamPacketView()];
    const frames = rarePackets(service('1'), service('2')).map((packet) => {
      expect(view.reset(packet)).toBeUndefined();
      expect(stream.reset(view.payload())).toBeUndefined();
      const found: number[] = [];
      while (stream.nextFrame()) found.push(stream.frame);
      return found;
    });
    const { OPEN, PADDING, PING, RETRY, TOKEN } = StreamFrame;
    expect(frames).toEqual([[RETRY], [OPEN, TOKEN], [PING, PADDING]]);
  });
});
