import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { PAGE_BYTES, runWorkload, Workload } from '../../../migrate/src/guest/workload.js';

const filled = (options: Partial<ConstructorParameters<typeof Workload>[0]> = {}) => {
  const workload = new Workload({ bytes: 64 * PAGE_BYTES, dirtyBytesPerSecond: 1000 * PAGE_BYTES, seed: 7, ...options });
  while (workload.fill(10));
  return workload;
};

describe('Workload', () => {
  test('fills in steps, whole pages only', () => {
    const workload = new Workload({ bytes: 10 * PAGE_BYTES + 5, dirtyBytesPerSecond: 0, seed: 1 });
    expect(workload.fill(4)).toBe(true);
    expect(workload.status).toEqual({ bytes: 10 * PAGE_BYTES, filledBytes: 4 * PAGE_BYTES, counter: 0 });
    expect(workload.fill(100)).toBe(false);
    expect(workload.status.filledBytes).toBe(10 * PAGE_BYTES);
  });

  test('rewrites at its rate, keeps the fractions, and does not make up for a stall', () => {
    const workload = filled();
    for (let tick = 0; tick < 4; tick++) workload.dirty(0.25);
    expect(workload.status.counter).toBe(1);
    workload.dirty(60_000);
    expect(workload.status.counter).toBe(101);
    const still = filled({ dirtyBytesPerSecond: 0 });
    still.dirty(1000);
    expect(still.status.counter).toBe(0);
  });

  test('notices a page that changed by other hands', () => {
    const workload = filled();
    workload.dirty(100);
    expect(workload.findDamage()).toBe(-1);
    workload.memory[12 * PAGE_BYTES + 99] = (workload.memory[12 * PAGE_BYTES + 99] ?? 0) ^ 1;
    expect(workload.findDamage()).toBe(12);
  });

  test('does not compress, and no two pages or seeds are alike', () => {
    const workload = filled();
    workload.dirty(100);
    const { memory } = workload;
    expect(deflateSync(memory).length).toBeGreaterThan(memory.length * 0.99);
    const pages = new Set<string>();
    for (let at = 0; at < memory.length; at += PAGE_BYTES) pages.add(Buffer.from(memory.subarray(at, at + PAGE_BYTES)).toString('latin1'));
    expect(pages.size).toBe(64);
    expect(filled({ seed: 8 }).memory).not.toEqual(filled().memory);
    expect(filled().memory).toEqual(filled().memory);
  });

  test('runs by itself, and stops', async () => {
    const running = runWorkload({ bytes: 600 * PAGE_BYTES, dirtyBytesPerSecond: 1e8, seed: 3 });
    await running.filled;
    await expect.poll(() => running.workload.status.counter).toBeGreaterThan(0);
    running.stop();
    const { counter } = running.workload.status;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(running.workload.status.counter).toBe(counter);
  });
});
