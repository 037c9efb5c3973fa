import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summaryText } from '../../../tools/src/xping/print.js';
import { AnswerKind, PingStatistics, WINDOW } from '../../../tools/src/xping/statistics.js';

/** Sends `pattern.length` echoes 10 ms apart and answers those with `true` after 1 ms. */
function run(pattern: readonly boolean[]): PingStatistics {
  const statistics = new PingStatistics(10);
  pattern.forEach((answered, index) => {
    const sequence = statistics.send(index * 10);
    if (answered) statistics.answer(sequence, index * 10 + 1);
  });
  return statistics;
}

describe('PingStatistics', () => {
  it('measures downtime as the longest run of losses, give or take one interval', () => {
    const summary = run([true, false, true, false, false, false, true, false, false]).summary(1000);
    expect(summary).toMatchObject({
      sent: 9,
      received: 3,
      lost: 6,
      longestLossRun: 3,
      longestLossFrom: 3,
      longestLossAtMs: 30,
      downtimeMs: 30,
      deviationMs: 10,
      rttMs: { min: 1, avg: 1, max: 1 },
    });
  });

  it('says zero, give or take one interval, when nothing was lost', () => {
    expect(run([true, true]).summary(1000)).toMatchObject({
      lost: 0,
      lossPercent: 0,
      downtimeMs: 0,
      deviationMs: 10,
      longestLossFrom: undefined,
    });
  });

  it('counts a late answer as received: it closes the gap that it seemed to be', () => {
    const statistics = new PingStatistics(10, 100);
    for (let index = 0; index < 20; index++) statistics.send(index * 10);
    for (let index = 0; index < 20; index++) statistics.answer(index, 500);
    expect(statistics.summary(1000)).toMatchObject({ received: 20, late: 20, lost: 0, downtimeMs: 0 });
  });

  it('takes what is still under way for neither lost nor received', () => {
    const statistics = run([true, false, true, false, false]);
    expect(statistics.summary(45, 20)).toMatchObject({ pending: 2, lost: 1, lossPercent: (100 * 1) / 3 });
    expect(statistics.summary(45, 0)).toMatchObject({ pending: 0, lost: 3 });
  });

  it('tells duplicates and strangers from answers', () => {
    const statistics = run([true]);
    expect(statistics.answer(0, 5)).toBe(AnswerKind.DUPLICATE);
    expect(statistics.answer(7, 5)).toBe(AnswerKind.UNKNOWN);
    expect(statistics.answer(-3, 5)).toBe(AnswerKind.UNKNOWN);
    expect(statistics.summary(10)).toMatchObject({ received: 1, duplicates: 1 });
  });

  it('finds the sequence behind the 16 bits on the wire', () => {
    const statistics = new PingStatistics(1);
    for (let index = 0; index < 70_000; index++) statistics.send(index);
    expect(statistics.expand(69_999 & 0xffff)).toBe(69_999);
    expect(statistics.expand(65_530)).toBe(65_530);
    expect(statistics.expand((69_999 + 1) & 0xffff)).toBe(70_000 - 65_536);
  });

  it('agrees with a plain count, however long the run', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 0, max: 3 }), (pattern, times) => {
        // Repeated beyond the window, so that what has left it is in the account too.
        const all = Array.from(
          { length: times === 0 ? 1 : Math.ceil((times * WINDOW) / Math.max(1, pattern.length)) },
          () => pattern,
        ).flat();
        let longest = 0;
        let current = 0;
        for (const answered of all) {
          current = answered ? 0 : current + 1;
          longest = Math.max(longest, current);
        }
        const summary = run(all).summary(all.length * 10 + 5000);
        expect(summary.longestLossRun).toBe(longest);
        expect(summary.lost).toBe(all.filter((answered) => !answered).length);
        expect(summary.received + summary.lost).toBe(summary.sent);
      }),
      { numRuns: 30 },
    );
  });
});

describe('summaryText', () => {
  it('has the three lines of old, and the downtime', () => {
    expect(summaryText('vm.xia', run([true, false, false, true]).summary(1000))).toBe(
      '\n----vm.xia PING Statistics----\n' +
        '4 packets transmitted, 2 packets received, 50% packet loss\n' +
        'round-trip (ms)  min/avg/max = 1.000/1.000/1.000\n' +
        'downtime: 2 lost in a row from icmp_seq=1 = 20 ± 10 ms\n',
    );
  });
});
