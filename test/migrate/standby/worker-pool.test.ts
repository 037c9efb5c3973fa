import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WorkerPool } from '../../../migrate/src/standby/worker-pool.js';

describe('the workers of a standby', () => {
  it('are started warm, taken, and used again', () => {
    const pool = new WorkerPool({ workers: 2, maximum: 3 });
    expect(pool.starts(0)).toEqual([
      { id: 1, how: 'warm' },
      { id: 2, how: 'warm' },
    ]);
    expect([pool.ready(1), pool.ready(2)]).toEqual([false, false]);
    expect(pool.wanted()).toBe(2);
    expect(pool.free(2)).toBe(false);
    // The one whose memory was used last.
    expect(pool.wanted()).toBe(2);
    expect(pool.starts(0)).toEqual([]);
  });

  it('become more while all are busy, up to a bound, and fewer afterwards', () => {
    const pool = new WorkerPool({ workers: 1, maximum: 2 });
    pool.starts(0);
    pool.ready(1);
    expect(pool.wanted()).toBe(1);
    expect(pool.wanted()).toBe('wait');
    // Somebody waits: no time is spent on warming it.
    expect(pool.starts(0)).toEqual([{ id: 2, how: 'cold' }]);
    expect(pool.wanted()).toBe('busy');
    expect(pool.ready(2)).toBe(true);
    expect(pool.wanted()).toBe('busy');
    pool.free(1);
    expect(pool.dismissed()).toEqual([1]);
    pool.free(2);
    expect(pool.dismissed()).toEqual([]);
    expect(pool.counts).toEqual({ starting: 0, idle: 1, busy: 0, waiting: 0 });
  });

  it('serve who waits for one that is being warmed', () => {
    const pool = new WorkerPool({ workers: 1, maximum: 1 });
    pool.starts(0);
    expect([pool.wanted(), pool.wanted()]).toEqual(['wait', 'busy']);
    expect(pool.starts(0)).toEqual([]);
    expect(pool.ready(1)).toBe(true);
  });

  it('are replaced when they end, and ever later when they never become ready', () => {
    const pool = new WorkerPool({ workers: 1, maximum: 1 });
    pool.starts(0);
    pool.ready(1);
    pool.left(1, 0);
    expect(pool.nextStartMs(0)).toBe(0);
    expect(pool.starts(0)).toEqual([{ id: 2, how: 'warm' }]);
    pool.left(2, 0);
    expect([pool.starts(0), pool.nextStartMs(0)]).toEqual([[], 500]);
    expect(pool.starts(500)).toHaveLength(1);
    pool.left(3, 500);
    expect(pool.nextStartMs(500)).toBe(1500);
    pool.starts(1500);
    expect(pool.ready(4)).toBe(false);
    expect(pool.nextStartMs(1500)).toBe(Infinity);
    for (let id = 4, now = 0; id < 40; id++, now += 60_000) {
      pool.left(id, now);
      expect(pool.nextStartMs(now) - now).toBeLessThanOrEqual(30_000);
      pool.starts(now + 30_000);
    }
  });

  it('are never more than may be, and nobody waits for ever, whatever happens', () => {
    const step = fc.tuple(fc.constantFrom('wanted', 'ready', 'free', 'left' as const), fc.nat(20));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.nat(3), fc.array(step, { maxLength: 80 }), (workers, more, steps) => {
        const pool = new WorkerPool({ workers, maximum: workers + more });
        const alive = new Set<number>();
        const served = { wanted: 0, granted: 0 };
        let now = 0;
        const settle = () => {
          now += 60_000;
          for (const { id } of pool.starts(now)) alive.add(id);
          for (const id of pool.dismissed()) alive.delete(id);
          expect(alive.size).toBeLessThanOrEqual(workers + more);
          expect(alive.size).toBeGreaterThanOrEqual(workers);
        };
        settle();
        for (const [kind, pick] of steps) {
          const id = [...alive][pick % Math.max(1, alive.size)]!;
          if (kind === 'wanted') {
            const grant = pool.wanted();
            if (grant !== 'busy') served.wanted++;
            if (typeof grant === 'number') served.granted++;
          } else if (kind === 'left') {
            pool.left(id, now);
            alive.delete(id);
          } else if (pool[kind](id)) served.granted++;
          settle();
        }
        // Every program ends some time, and then everybody has had one.
        for (let round = 0; round < 100; round++) {
          for (const id of alive) if (pool.ready(id) || pool.free(id)) served.granted++;
          settle();
        }
        expect(served.granted).toBe(served.wanted);
      }),
      { numRuns: 300 },
    );
  });
});
