import { describe, expect, it } from 'vitest';
import { MirrorJob, parseJobs } from '../../../migrate/src/disk/mirror-job.js';

const SIZE = 1000;

function begun(): { job: MirrorJob; tell: (event: string, data?: Record<string, unknown>) => void } {
  const job = new MirrorJob('j', SIZE);
  return { job, tell: (event, data = {}) => job.event({ event: `BLOCK_JOB_${event}`, data: { device: 'j', ...data }, timestampMs: 0 }) };
}

function look(job: MirrorJob, doneBytes: number, totalBytes: number, nowMs: number, isReady = false): void {
  job.look({ doneBytes, totalBytes, isReady }, nowMs);
}

describe('a mirror job', () => {
  it('copies, is ready, completes, is done', () => {
    const { job, tell } = begun();
    expect(job.state).toBe('copying');
    expect(job.complete()).toBe(false);
    tell('READY');
    expect(job.state).toBe('ready');
    expect(job.complete()).toBe(true);
    expect(job.state).toBe('completing');
    tell('COMPLETED', { len: 1100, offset: 1100 });
    expect(job).toMatchObject({ state: 'done', doneBytes: 1100, totalBytes: 1100 });
    // Nothing comes after the end.
    tell('COMPLETED', { error: 'late', len: 1, offset: 1 });
    look(job, 1, 2, 3);
    job.look(undefined, 4);
    expect(job).toMatchObject({ state: 'done', reason: '', doneBytes: 1100 });
  });

  it('learns from the figures what an event did not tell', () => {
    const { job } = begun();
    look(job, SIZE, SIZE, 0, true);
    expect(job.state).toBe('ready');
    job.look(undefined, 1);
    expect(job).toMatchObject({ state: 'failed', reason: 'the copy has gone' });
  });

  it.each(['copying', 'ready', 'completing'])('fails with the error that it ends with: %s', (state) => {
    const { job, tell } = begun();
    if (state !== 'copying') tell('READY');
    if (state === 'completing') job.complete();
    expect(job.state).toBe(state);
    tell('ERROR', { operation: 'write', action: 'report' });
    expect(job.state).toBe(state);
    tell('COMPLETED', { error: 'Input/output error' });
    expect(job).toMatchObject({ state: 'failed', reason: 'a write failed: Input/output error' });
  });

  it('fails when somebody else ends it', () => {
    const cancelled = begun();
    cancelled.tell('CANCELLED');
    expect(cancelled.job).toMatchObject({ state: 'failed', reason: 'the copy was cancelled' });
    const ended = begun();
    ended.tell('READY');
    ended.tell('COMPLETED');
    expect(ended.job).toMatchObject({ state: 'failed', reason: 'somebody else ended the copy' });
  });

  it('lets events of others pass', () => {
    const { job, tell } = begun();
    tell('READY', { device: 'k' });
    job.event({ event: 'STOP', data: {}, timestampMs: 0 });
    job.event({ event: 'BLOCK_JOB_READY', data: { device: 7 }, timestampMs: 0 });
    expect(job.state).toBe('copying');
  });

  it('tells how fast it is, and how long it takes', () => {
    const { job } = begun();
    expect(job.etaMs).toBeUndefined();
    look(job, 0, SIZE, 0);
    look(job, 500, SIZE, 1000);
    expect(job).toMatchObject({ bytesPerSecond: 500, etaMs: 1000, doneBytes: 500, totalBytes: SIZE });
    look(job, SIZE, SIZE, 1500);
    expect(job.bytesPerSecond).toBe(750);
    expect(job.etaMs).toBe(0);
  });

  it('is overtaken when it has been over everything and gets no nearer', () => {
    const { job } = begun();
    look(job, 900, 1100, 0);
    // The first time over the disk may take as long as it likes.
    expect(job.isOvertaken(60_000)).toBe(false);
    look(job, 1100, 1250, 1000);
    look(job, 1500, 1650, 5_900);
    expect(job.isOvertaken(5_900)).toBe(false);
    expect(job.isOvertaken(6_000)).toBe(true);
    look(job, 1550, 1690, 6_001);
    expect(job.isOvertaken(6_500)).toBe(false);
    job.restart(7_000);
    expect(job).toMatchObject({ state: 'copying', doneBytes: 0, totalBytes: SIZE, bytesPerSecond: 0 });
    look(job, SIZE, SIZE + 1, 11_000);
    expect(job.isOvertaken(12_001)).toBe(false);
  });
});

it('reads the list of jobs', () => {
  const answer = [{ device: 'j', type: 'mirror', len: 10, offset: 4, ready: false, busy: true, speed: 0 }];
  expect(parseJobs(answer)).toEqual(new Map([['j', { totalBytes: 10, doneBytes: 4, isReady: false }]]));
  expect(() => parseJobs([{}])).toThrow();
});
