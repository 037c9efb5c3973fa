import { describe, expect, it } from 'vitest';
import { askResult, echoPoints, pingResult } from '../../../tools/src/lab/client-results.js';
import { PingStatistics } from '../../../tools/src/xping/statistics.js';

function pingLines(): { type: string }[] {
  const statistics = new PingStatistics(10);
  const lines: { type: string }[] = [{ type: 'start', startedAtMs: 50_000, intervalMs: 10 } as { type: string }];
  for (let index = 0; index < 6; index++) {
    const sequence = statistics.send(index * 10);
    if (index === 2 || index === 3 || index === 5) continue;
    statistics.answer(sequence, index * 10 + 1.5);
    lines.push({ type: 'reply', sequence, sentMs: index * 10, rttMs: 1.5 } as { type: string });
  }
  lines.push({ type: 'summary', intervalMs: 10, ...statistics.summary(55, 20) } as { type: string });
  return lines;
}

describe('client results', () => {
  it('of xping are read back as they were written', () => {
    expect(pingResult(pingLines())).toMatchObject({ sent: 6, received: 3, lost: 2, pending: 1, downtimeMs: 20, deviationMs: 10 });
  });

  it('of xping become points on the clock of the migration, without those that were under way', () => {
    expect(echoPoints(pingLines(), 50_020)).toEqual([
      { atMs: -20, rttMs: 1.5 },
      { atMs: -10, rttMs: 1.5 },
      { atMs: 0, rttMs: undefined },
      { atMs: 10, rttMs: undefined },
      { atMs: 20, rttMs: 1.5 },
    ]);
  });

  it('that are missing are an error that says whose', () => {
    expect(() => pingResult([], 'the echo client')).toThrow(/the echo client/);
    expect(() => askResult([{ type: 'summary' }])).toThrow(expect.objectContaining({ code: 'testbed-failed' }));
  });
});
