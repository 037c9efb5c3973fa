import { describe, expect, it } from 'vitest';
import { fault, warning } from '../../../migrate/src/checks/index.js';
import type { DiskFacts } from '../../../migrate/src/disk/disk-facts.js';
import type { MoveResult } from '../../../migrate/src/run/index.js';
import { estimateText, findingLines, groupTable, planText, resultText, stepText } from '../../../migrate/src/xmigrate/run-report.js';

const moved: MoveResult = {
  vm: 'vm1',
  outcome: 'moved',
  runner: 'destination',
  reason: '',
  bytes: 5_000_000,
  chunks: 6,
  totalTimeMs: 2345,
  qemuDowntimeMs: 40,
  pausedMs: 85.3,
  sha256: { source: 'ff', destination: 'ff' },
  phases: [],
  offeredBytes: undefined,
  servedBytes: undefined,
  pages: undefined,
  disks: [],
  peakRssMb: { source: 80, destination: 80 },
  cpuSeconds: { source: 1, destination: 1 },
  steps: [],
  update: { marks: [{ where: 'control R1.ctl', afterMs: 120 }], totalMs: 120 },
};
const stayed: MoveResult = { ...moved, outcome: 'stayed', runner: 'source', reason: 'cancelled', update: undefined };

describe('what people are told of a move', () => {
  it('is the time that is left, or why there is none', () => {
    expect(estimateText({ kind: 'unknown' })).toBe('');
    expect(estimateText({ kind: 'converging', remainingMs: 4321 })).toBe('about 4.3 s left');
    expect(estimateText({ kind: 'not-converging' })).toBe('does not converge');
    expect(estimateText({ kind: 'stalled', forMs: 12_345 })).toBe('stalled for 12 s');
  });

  it('is every step, in words', () => {
    expect(stepText({ kind: 'throttle', percent: 80, atMs: 0 })).toContain('slowed down by up to 80 %');
    expect(stepText({ kind: 'downtime', limitMs: 900, atMs: 0 })).toContain('stand still for 900 ms');
    expect(stepText({ kind: 'give-up', reason: 'too busy', atMs: 0 })).toBe('given up: too busy');
  });

  it('is every finding, faults first', () => {
    const lines = findingLines('vm1', [warning('plan', 'a', 'b'), fault('both', 'c', 'd')]);
    expect(lines).toEqual(['FAULT   vm1: both sides: c; d', 'warning vm1: plan: a; b']);
  });

  it('is how it ended', () => {
    expect(resultText(moved)).toBe(
      'vm1 has moved: 5.0 MB in 6 chunks in 2.35 s, stopped for 85.3 ms (QEMU says 40 ms), known at its new place after 120 ms',
    );
    const late = { marks: [{ where: 'name vm.xia', afterMs: undefined }], totalMs: undefined };
    expect(resultText({ ...moved, update: late })).toContain('its new place not known yet by name vm.xia');
    expect(resultText(stayed)).toBe('vm1 stays at the source: cancelled');
  });

  it('is a table of a group, a row for each VM', () => {
    const rows = [
      { vm: 'vm1', state: 'moved', reason: '', result: moved },
      { vm: 'longer-name', state: 'stays', reason: 'cancelled\nmore', result: stayed },
      { vm: 'c', state: 'not begun', reason: 'a move before it failed', result: undefined },
    ];
    expect(groupTable(rows)).toBe(
      [
        'VM           end        total time  downtime  update time  why',
        'vm1          moved      2.35 s      85 ms     120 ms',
        'longer-name  stays      -           -         -            cancelled',
        'c            not begun  -           -         -            a move before it failed',
      ].join('\n'),
    );
  });

  it('is a plan, also where little is known', () => {
    const nothing = { vm: 'vm1', findings: [], source: undefined, destination: undefined, path: undefined };
    const text = planText(
      { ...nothing, dirtyBytesPerSecond: undefined, takesBytes: undefined, disks: undefined, expected: undefined },
      { downtimeMs: 300, adapts: false, prefaults: false },
    );
    expect(text).toMatch(/^plan for vm1\n {2}steps/);
    const busy = { converges: false, totalMs: 9000, passes: 30, stoppedMs: 0 };
    const path = { roundTripMs: 1.25, packetBytes: 1500, clockDifferenceMs: -4, bytesPerSecond: 5e7 };
    const facts = (name: string, filename: string) => ({ name, filename, sizeBytes: 64e6, allocatedBytes: 5e6 }) as DiskFacts;
    const pairs = [{ source: facts('disk0', '/a.img'), destination: facts('disk0', '/b.img') }];
    const disks = { method: 'nbd', pairs, left: [{ name: 'cd', reason: 'read-only' }], needs: [], faults: [] } as const;
    const more = planText(
      { ...nothing, path, dirtyBytesPerSecond: 6e7, takesBytes: 0, disks, expected: busy },
      { downtimeMs: 300, adapts: true, prefaults: true },
    );
    expect(more).toContain('  disks     disk0: at most 5.0 MB by nbd to /b.img; cd: left, read-only\n');
    expect(more).toMatch(/steps {5}1\. the destination's memory is touched\n {12}2\. the disks are copied.*\n {12}3\. the hosts/);
    expect(more).toContain('round trip 1.3 ms, packets of 1500 bytes, clocks 4 ms apart, 50.0 MB/s measured');
    expect(more).toContain('does not end by itself: the guest is too busy; the disks before that 0.1 s or longer\n');
    expect(more).toContain('a guest that is too busy is slowed down');
  });
});
