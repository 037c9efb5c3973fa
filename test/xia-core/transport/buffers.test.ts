import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { BufferBudget } from '../../../xia-core/src/transport/buffer-budget.js';
import { InsertResult, ReceiveBuffer } from '../../../xia-core/src/transport/receive-buffer.js';
import { SendBuffer } from '../../../xia-core/src/transport/send-buffer.js';
import { pattern } from './network.js';

const sendBuffer = (bytes: number): SendBuffer => new SendBuffer(bytes, bytes, new BufferBudget(0));

const drain = (buffer: ReceiveBuffer, maxBytes: number): Uint8Array => {
  const parts: Uint8Array[] = [];
  for (let part = buffer.read(maxBytes); part !== undefined; part = buffer.read(maxBytes)) parts.push(part.slice());
  return concatBytes(...parts);
};

describe('ReceiveBuffer', () => {
  it('gives every byte in order, however the pieces come, overlap and repeat', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6000 }), fc.integer(), fc.integer({ min: 1, max: 4000 }), (length, seed, maxBytes) => {
        const rng = new SeededRandom(seed);
        const data = pattern(length, seed & 0xff);
        const buffer = new ReceiveBuffer();
        const got: Uint8Array[] = [];
        for (let tries = 0; tries < 400 && !buffer.complete; tries++) {
          const start = rng.below(length);
          const end = Math.min(length, start + 1 + rng.below(1 + length / 4));
          expect(buffer.insert(start, data.slice(start, end), end === length)).toBe(InsertResult.OK);
          if (rng.below(3) === 0) got.push(drain(buffer, maxBytes));
        }
        expect(buffer.insert(0, data.slice(), true)).toBe(InsertResult.OK);
        got.push(drain(buffer, maxBytes));
        expect(Buffer.compare(concatBytes(...got), data)).toBe(0);
        expect([buffer.complete, buffer.drained, buffer.waitingPieces]).toEqual([true, true, 0]);
      }),
    );
  });

  it('refuses an end that contradicts what came before', () => {
    const buffer = new ReceiveBuffer();
    buffer.insert(10, pattern(10), false);
    expect(buffer.insert(0, pattern(15), true)).toBe(InsertResult.BAD_END);
    expect(buffer.insert(20, pattern(0), true)).toBe(InsertResult.OK);
    expect(buffer.insert(20, pattern(1), false)).toBe(InsertResult.BAD_END);
    expect(buffer.insert(19, pattern(0), true)).toBe(InsertResult.BAD_END);
    expect(buffer.insert(0, pattern(20), true)).toBe(InsertResult.OK);
    expect(buffer.complete).toBe(true);
  });

  it('keeps only so many pieces that wait', () => {
    const buffer = new ReceiveBuffer(3);
    for (let i = 1; i <= 3; i++) expect(buffer.insert(i * 10, pattern(1), false)).toBe(InsertResult.OK);
    expect(buffer.insert(50, pattern(1), false)).toBe(InsertResult.CROWDED);
    expect(buffer.insert(0, pattern(60), false)).toBe(InsertResult.OK);
    expect(buffer.readable).toBe(60);
  });

  it('holds many tiny pieces in few chunks, apart from the packets they came in', () => {
    const buffer = new ReceiveBuffer();
    const packet = pattern(60_000);
    for (let i = 0; i < 1000; i++) buffer.insert(i, packet.subarray(i, i + 1), false);
    const chunk = buffer.read(100_000)!;
    expect(chunk).toHaveLength(1000);
    expect(chunk.buffer.byteLength).toBeLessThan(20_000);
  });
});

describe('SendBuffer', () => {
  it('sends every byte through any order of acknowledgement and loss', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 50_000 }), (seed, length) => {
        const rng = new SeededRandom(seed);
        const data = pattern(length, seed & 0xff);
        const received = new ReceiveBuffer();
        const buffer = sendBuffer(5000);
        const flying: Array<{ readonly offset: number; readonly length: number; readonly fin: boolean; readonly bytes: Uint8Array }> = [];
        const got: Uint8Array[] = [];
        let written = 0;
        for (let step = 0; step < 100_000 && !buffer.complete; step++) {
          if (written < length) written += buffer.write(data.subarray(written, Math.min(length, written + 1 + rng.below(3000))));
          else if (!buffer.finished) buffer.finish();
          expect(buffer.heldBytes).toBeLessThanOrEqual(5000);
          if (rng.below(2) === 0 && buffer.choose(1 + rng.below(1500), Infinity)) {
            const pieces: Uint8Array[] = [];
            const { offset, length: size, fin } = buffer;
            buffer.take(pieces);
            const bytes = concatBytes(...pieces);
            expect(bytes).toHaveLength(size);
            flying.push({ offset, length: size, fin, bytes });
          } else if (flying.length > 0) {
            const [packet] = flying.splice(rng.below(flying.length), 1);
            const { offset, length: size, fin, bytes } = packet!;
            if (rng.below(3) === 0) {
              buffer.lose(offset, size, fin);
              if (rng.below(4) !== 0) continue;
              flying.push(packet!); // it was late, not lost
              continue;
            }
            expect(received.insert(offset, bytes, fin)).toBe(InsertResult.OK);
            got.push(drain(received, 1e6));
            buffer.acknowledge(offset, size, fin);
          }
        }
        expect(buffer.complete).toBe(true);
        expect(Buffer.compare(concatBytes(...got), data)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps large writes by reference and hands them out by reference', () => {
    const buffer = sendBuffer(1e6);
    const chunk = pattern(100_000);
    buffer.write(chunk);
    buffer.choose(60_000, Infinity);
    const pieces: Uint8Array[] = [];
    buffer.take(pieces);
    expect(pieces).toHaveLength(1);
    expect(pieces[0]!.buffer).toBe(chunk.buffer);
  });

  it('gathers tiny writes, also between large ones', () => {
    const buffer = sendBuffer(1e6);
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 10; j++) buffer.write(pattern(5));
      buffer.write(pattern(2000));
    }
    buffer.choose(500_000, Infinity);
    const pieces: Uint8Array[] = [];
    buffer.take(pieces);
    expect(pieces).toHaveLength(200);
    expect(new Set(pieces.filter(({ length }) => length === 50).map(({ buffer: memory }) => memory)).size).toBe(1);
  });

  it('does not send beyond the credit, but says its end without any', () => {
    const buffer = sendBuffer(1e6);
    buffer.write(pattern(100));
    expect(buffer.choose(1000, 40)).toBe(true);
    expect([buffer.length, buffer.fin]).toEqual([40, false]);
    buffer.take([]);
    expect(buffer.choose(1000, 40)).toBe(false);
    expect(buffer.hasNew).toBe(true);
    expect(buffer.choose(1000, 100)).toBe(true);
    buffer.take([]);
    buffer.finish();
    expect(buffer.choose(1000, 100)).toBe(true);
    expect([buffer.length, buffer.fin]).toEqual([0, true]);
  });
});
