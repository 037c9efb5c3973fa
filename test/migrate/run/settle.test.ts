import { describe, expect, it, onTestFinished } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestWatch } from '../../../migrate/src/run/guest-watch.js';
import type { Program } from '../../../migrate/src/run/program-log.js';
import { settle } from '../../../migrate/src/run/settle.js';
import { OwnershipFile } from '../../../migrate/src/state/index.js';

/** A guest behind a monitor that says what it was told last. */
function watched(status: string): GuestWatch {
  const state = { status };
  const execute = async (command: string) => {
    if (command === 'cont') state.status = 'running';
    return command === 'query-status' ? { status: state.status, running: state.status === 'running' } : {};
  };
  return { qmp: { closed: false, execute }, stoppedAtMs: undefined, resumedAtMs: undefined } as unknown as GuestWatch;
}

const over = (pid: number): Program => ({
  pid,
  figures: { bytes: 0, chunks: 0, bytesPerSecond: 0 },
  summary: { outcome: 'error', bytes: 0, chunks: 0, reason: 'it died', code: 'refused' },
  isOver: true,
  missingThere: undefined,
  fate: 'was killed (SIGKILL)',
  wasStopped: false,
  stop: () => false,
  poll: () => undefined,
  close: () => undefined,
});

describe('what is decided by the files', () => {
  it('does not take what this process wrote in an earlier move for its word in this one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'settle-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const side = (end: string) => ({ qmp: end, host: '127.0.0.1:1', stateDirectory: join(folder, end) });
    const options = { vm: 'vm1', source: side('a'), destination: side('b'), settleTimeoutMs: 100 };
    const theirs = new OwnershipFile(options.destination.stateDirectory, 'vm1');
    // A worker of a standby took the VM some time ago, and died in this move before it wrote anything.
    const earlier = theirs.write({ role: 'destination', phase: 'running' });
    const pair = { sender: over(2 ** 22 - 1), receiver: over(process.pid) };
    const input = { options, source: watched('postmigrate'), destination: watched('inmigrate'), pair, wasRunning: true };
    expect(await settle({ ...input, earlier })).toMatchObject({ outcome: 'stayed', runner: 'source', reason: 'it died' });
    // The same words, written in this move, count.
    theirs.write({ role: 'destination', phase: 'running' });
    const taken = { ...input, destination: watched('paused'), earlier };
    expect(await settle(taken)).toMatchObject({ outcome: 'moved', runner: 'destination' });
  });
});
