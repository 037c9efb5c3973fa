import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldBuffer, type HoldDrop } from '../../../xia-core/src/stack/hold-buffer.js';

const WIRE = { face: 2, neighbour: 1 };
const packet = (size: number, at: number, face = 1) => ({ bytes: new Uint8Array(size), face, neighbour: 1, at });

function bufferOf(limits = { ageMs: 2000, bytes: 1000 }) {
  const drops: HoldDrop[] = [];
  const buffer = new HoldBuffer((reason) => drops.push(reason));
  buffer.limits = limits;
  return { buffer, drops };
}

describe('a hold buffer', () => {
  it('lets what came back go first, then the rest in order', () => {
    const { buffer } = bufferOf();
    buffer.open('vm', WIRE, undefined);
    const packets = [packet(1, 0), packet(2, 1), packet(3, 2, WIRE.face), packet(4, 3), packet(5, 4, WIRE.face)];
    for (const one of packets) expect(buffer.push('vm', one)).toBe(true);
    expect(buffer.close('vm').map(({ bytes }) => bytes.length)).toEqual([3, 5, 1, 2, 4]);
    expect(buffer.packets).toBe(0);
    expect(buffer.push('vm', packet(1, 5)), 'closed').toBe(false);
  });

  it('drops the oldest of the same machine when that has too much', () => {
    const { buffer, drops } = bufferOf();
    buffer.open('vm', undefined, undefined);
    buffer.open('other', undefined, undefined);
    buffer.push('other', packet(900, 0));
    buffer.push('vm', packet(600, 0));
    buffer.push('vm', packet(601, 1));
    expect(drops).toEqual(['hold-full']);
    expect(buffer.push('vm', packet(1001, 2)), 'larger than all of it').toBe(false);
    expect(buffer.close('vm').map(({ bytes }) => bytes.length)).toEqual([601]);
    expect(buffer.close('other')).toHaveLength(1);
  });

  it('drops what has waited too long, at its time', () => {
    const { buffer, drops } = bufferOf();
    buffer.open('vm', undefined, undefined);
    expect(buffer.nextTimeout()).toBe(Infinity);
    buffer.push('vm', packet(10, 100));
    buffer.push('vm', packet(10, 500));
    expect(buffer.nextTimeout()).toBe(2100);
    buffer.handleTimeout(2100);
    expect(drops).toEqual(['hold-expired']);
    expect(buffer.nextTimeout()).toBe(2500);
    expect(buffer.close('vm')).toHaveLength(1);
    expect(buffer.nextTimeout()).toBe(Infinity);
  });

  it('has room for so much of all machines together', () => {
    const { buffer } = bufferOf({ ageMs: 2000, bytes: 16 * 1024 * 1024 });
    for (const key of ['a', 'b', 'c']) buffer.open(key, undefined, undefined);
    expect(buffer.push('a', packet(10 * 1024 * 1024, 0))).toBe(true);
    expect(buffer.push('b', packet(6 * 1024 * 1024, 0))).toBe(true);
    expect(buffer.push('c', packet(1, 0)), 'takes nothing from others').toBe(false);
    expect(buffer.gauges()[0]).toMatchObject({ used: 16 * 1024 * 1024, bound: 16 * 1024 * 1024, refused: 1 });
  });

  it('neither loses nor makes up a packet', () => {
    const step = fc.oneof(
      fc.record({ size: fc.integer({ min: 1, max: 1200 }), key: fc.constantFrom('a', 'b'), face: fc.constantFrom(1, 2) }),
      fc.record({ close: fc.constantFrom('a', 'b') }),
      fc.record({ open: fc.constantFrom('a', 'b') }),
      fc.record({ pass: fc.integer({ min: 1, max: 1500 }) }),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { buffer, drops } = bufferOf();
        let [now, taken, out] = [0, 0, 0];
        for (const made of steps) {
          if ('size' in made) taken += buffer.push(made.key, packet(made.size, now, made.face)) ? 1 : 0;
          else if ('close' in made) out += buffer.close(made.close).length;
          else if ('open' in made) buffer.open(made.open, WIRE, undefined);
          else buffer.handleTimeout((now += made.pass));
          expect(out + drops.length + buffer.packets).toBe(taken);
        }
        buffer.handleTimeout(now + 2000);
        expect(buffer.packets).toBe(0);
        expect(buffer.gauges()[0]!.used).toBe(0);
      }),
    );
  });
});
