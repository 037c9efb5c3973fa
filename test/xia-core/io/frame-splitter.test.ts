import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameSplitter } from '../../../xia-core/src/io/frame-splitter.js';

const MAX = 300;

/** The stream that QEMU would write for these frames. */
function streamOf(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const prefix = Buffer.alloc(4);
      prefix.writeUInt32BE(frame.length);
      return [prefix, frame];
    }),
  );
}

function split(pieces: Iterable<Uint8Array>) {
  const frames: Buffer[] = [];
  const splitter = new FrameSplitter(MAX, (frame) => frames.push(Buffer.from(frame)));
  let fault: string | undefined;
  for (const piece of pieces) fault = splitter.push(piece);
  return { frames, fault };
}

describe('FrameSplitter', () => {
  test('finds the same frames however the stream is cut', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: MAX }), { maxLength: 20 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sent, cuts) => {
        const stream = streamOf(sent);
        const pieces: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const length = cuts[i % cuts.length]!;
          pieces.push(stream.subarray(at, at + length));
          at += length;
        }
        const result = split(pieces);
        expect(result.fault).toBeUndefined();
        expect(result.frames).toEqual(sent.map((frame) => Buffer.from(frame)));
      }),
    );
  });

  test('refuses a length over the bound before the frame arrives', () => {
    expect(split([Buffer.from([0, 0, 1, 0x2d])])).toEqual({ frames: [], fault: 'bad-length' });
    expect(split([Buffer.from([0xff]), Buffer.from([0xff, 0xff, 0xff])])).toEqual({ frames: [], fault: 'bad-length' });
  });

  test('hands nothing on after a bad length', () => {
    const good = streamOf([Buffer.from('good')]);
    const bad = Buffer.from([0x7f, 0, 0, 0]);
    const result = split([Buffer.concat([good, bad]), good]);
    expect(result.frames).toEqual([Buffer.from('good')]);
    expect(result.fault).toBe('bad-length');
  });

  test('a frame inside a piece is a view, not a copy', () => {
    const piece = streamOf([Buffer.from('abc')]);
    let got: Uint8Array | undefined;
    new FrameSplitter(MAX, (frame) => (got = frame)).push(piece);
    expect(got?.buffer).toBe(piece.buffer);
  });
});
