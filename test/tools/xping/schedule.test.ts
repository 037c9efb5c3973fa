import { describe, expect, it } from 'vitest';
import { SendSchedule } from '../../../tools/src/xping/schedule.js';

describe('SendSchedule', () => {
  it('does not drift, however late the timers are', () => {
    const schedule = new SendSchedule(0, 10);
    let sent = 0;
    for (let now = 0; now <= 10_000; now += 13.7) while (schedule.take(now)) sent++;
    expect(sent).toBe(Math.floor(9987.3 / 10) + 1);
  });

  it('sends the preload at once', () => {
    const schedule = new SendSchedule(5, 10, 3);
    expect([5, 5, 5, 5].map((now) => schedule.take(now))).toEqual([true, true, true, false]);
    expect(schedule.nextMs).toBe(15);
  });

  it('makes up for a short stall, and not for a suspended machine', () => {
    const schedule = new SendSchedule(0, 10);
    schedule.take(0);
    let burst = 0;
    while (schedule.take(200)) burst++;
    expect(burst).toBe(20);
    let afterSleep = 0;
    while (schedule.take(3_600_000)) afterSleep++;
    expect(afterSleep).toBe(1);
    expect(schedule.skipped).toBe(1);
    expect(schedule.nextMs).toBe(3_600_010);
  });
});
