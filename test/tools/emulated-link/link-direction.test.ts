import { describe, expect, it } from 'vitest';
import { SeededRandom, type LinkShape } from 'xia-core';
import { LinkDirection, type DirectionOptions } from '../../../tools/src/emulated-link/index.js';

function direction(shape: LinkShape, options?: DirectionOptions): LinkDirection {
  return new LinkDirection(shape, new SeededRandom(1), 0, options);
}

/** The packets that are handed on, one list per millisecond up to `untilMs`. */
function released(link: LinkDirection, untilMs: number): number[][] {
  return Array.from({ length: untilMs + 1 }, (_, now) => {
    const packets: number[] = [];
    link.release(now, now, (packet) => packets.push(packet[0]!));
    return packets;
  });
}

describe('one direction of an emulated link', () => {
  it('holds packets for the delay, and sends them at the rate, headers counted', () => {
    // 100 bytes each with their headers: one a millisecond.
    const link = direction({ delayMs: 2, bytesPerSecond: 100_000 }, { headerBytes: 28 });
    for (let n = 1; n <= 3; n++) expect(link.take(new Uint8Array(72).fill(n), 0)).toBe(true);
    expect(link.nextMs).toBe(3);
    expect(released(link, 6)).toEqual([[], [], [], [1], [2], [3], []]);
    expect(link.nextMs).toBe(Infinity);
    expect(link.report()).toMatchObject({ packets: 3, bytes: 300, delivered: 3, deliveredBytes: 216, held: 0, mostHeldBytes: 216 });
  });

  it('tells the reason of every drop, and gives the packet back', () => {
    const link = direction({ delayMs: 0, mtu: 1500 }, { headerBytes: 28, maxHeldBytes: 2000 });
    expect(link.take(new Uint8Array(1473), 0)).toBe(false);
    expect(link.take(new Uint8Array(1472), 0)).toBe(true);
    expect(link.take(new Uint8Array(1000), 0)).toBe(false);
    link.isUp = false;
    expect(link.take(new Uint8Array(10), 0)).toBe(false);
    link.reshape({ delayMs: 0, loss: 1 });
    link.isUp = true;
    expect(link.take(new Uint8Array(10), 0)).toBe(false);
    const { packets, held, dropped } = link.report();
    expect(packets).toBe(5);
    expect(held).toBe(1);
    expect(dropped).toEqual({ tooLarge: 1, queueFull: 0, blackout: 0, burst: 0, loss: 1, down: 1, memory: 1, corrupt: 0 });
  });

  it('flips one bit of the packet, whatever part of it the model meant', () => {
    const link = direction({ delayMs: 0, corrupt: 1 }, { headerBytes: 1000 });
    for (let n = 0; n < 50; n++) {
      link.take(new Uint8Array(8), n);
      link.release(n, n, (packet) => {
        const bits = packet.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
        expect(bits).toBe(1);
      });
    }
    expect(link.report()).toMatchObject({ corrupted: 50, delivered: 50 });
  });

  it('drops such a packet where a checksum below would', () => {
    const link = direction({ delayMs: 0, corrupt: 1 }, { dropsCorrupted: true });
    expect(link.take(new Uint8Array(8), 0)).toBe(false);
    expect(link.report()).toMatchObject({ packets: 1, corrupted: 1, held: 0, dropped: { corrupt: 1 } });
  });

  it('gives the second copy memory of its own', () => {
    const link = direction({ delayMs: 0, duplicate: 1 });
    const packets: Uint8Array[] = [];
    link.take(Uint8Array.of(7), 0);
    link.release(0, 0, (packet) => packets.push(packet));
    expect(packets).toEqual([Uint8Array.of(7), Uint8Array.of(7)]);
    expect(packets[0]!.buffer).not.toBe(packets[1]!.buffer);
  });

  it('accounts for how late packets are handed on', () => {
    const link = direction({ delayMs: 5 });
    link.take(new Uint8Array(1), 0);
    link.take(new Uint8Array(1), 1);
    expect(link.release(7, 7, () => {})).toBe(2);
    expect(link.report()).toMatchObject({ meanLateMs: 1.5, maxLateMs: 2 });
  });
});
