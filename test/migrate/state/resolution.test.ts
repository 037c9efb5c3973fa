import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  OwnershipFile,
  ownershipPhases,
  resolveOwnership,
  withOwnershipLock,
  type OwnershipRecord,
  type OwnershipStep,
} from '../../../migrate/src/state/index.js';

const folder = mkdtempSync(join(tmpdir(), 'resolution-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recordOf = (step: OwnershipStep, transfer = 'ab'.repeat(16)): OwnershipRecord =>
  new OwnershipFile(join(folder, step.role), 'vm1').write(step, { transfer });
const at = (role: 'source' | 'destination', phase: string) => recordOf({ role, phase } as OwnershipStep);
const known = (record: OwnershipRecord) => ({ kind: 'record', record }) as const;
const unknown = { kind: 'unknown' } as const;

describe('who shall run a VM whose migration broke off', () => {
  it('is nobody by a guess: after the commit the source asks', () => {
    expect(resolveOwnership(at('source', 'handed-over'), unknown, 'resume', false)).toMatchObject({ verdict: 'ask' });
    expect(resolveOwnership(at('source', 'handed-over'), unknown, 'abort', false)).toMatchObject({ verdict: 'ask' });
    expect(resolveOwnership(at('destination', 'received'), unknown, 'resume', true)).toMatchObject({ verdict: 'ask' });
  });

  it('is not said by the file of another transfer', () => {
    const other = recordOf({ role: 'destination', phase: 'running' }, 'cd'.repeat(16));
    expect(resolveOwnership(at('source', 'handed-over'), known(other), 'resume', false).verdict).toBe('ask');
  });

  it.each([
    ['running', 'hold', 'gone', undefined],
    ['aborted', 'run', 'running', undefined],
    ['failed', 'run', 'running', undefined],
    ['received', 'run', 'running', 'aborted'],
  ])('is decided by a destination that is %s', (phase, verdict, written, promised) => {
    const resolution = resolveOwnership(at('source', 'handed-over'), known(at('destination', phase)), 'resume', false);
    expect(resolution.verdict).toBe(verdict);
    expect(resolution.write?.phase).toBe(written);
    expect(resolution.peerWrite?.phase).toBe(promised);
  });

  it('never lets both run, whichever of the two looks first', () => {
    for (const source of ownershipPhases.source) {
      for (const destination of ownershipPhases.destination) {
        for (const first of ['source', 'destination'] as const) {
          const records = { source: at('source', source), destination: at('destination', destination) };
          // What cannot be: a destination takes only what was handed over, a source gives up only what was received.
          if (destination === 'running' && source !== 'handed-over' && source !== 'gone') continue;
          if (source === 'gone' && destination !== 'running' && destination !== 'failed') continue;
          if (source === 'handed-over' && destination === 'receiving') continue;
          const runners: string[] = [];
          for (const role of [first, first === 'source' ? 'destination' : 'source'] as const) {
            const peer = role === 'source' ? 'destination' : 'source';
            const { verdict, write, peerWrite } = resolveOwnership(records[role], known(records[peer]), 'resume', true);
            if (peerWrite !== undefined) records[peer] = recordOf(peerWrite);
            if (write !== undefined) records[role] = recordOf(write);
            if (verdict === 'run') runners.push(role);
          }
          expect(runners, `${source}, ${destination}, ${first} first`).toHaveLength(1);
        }
      }
    }
  });

  it('is not undone by abort once the VM has moved', () => {
    expect(resolveOwnership(at('source', 'gone'), unknown, 'abort', false).verdict).toBe('refuse');
    expect(resolveOwnership(at('destination', 'running'), unknown, 'abort', false).verdict).toBe('refuse');
  });
});

describe('the lock of a state file', () => {
  it('keeps others out, and not those that come after a crash', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lock-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const path = join(directory, 'vm1.json');
    await withOwnershipLock(path, async () => {
      await expect(withOwnershipLock(path, async () => undefined)).rejects.toMatchObject({ code: 'already-running' });
    });
    writeFileSync(`${path}.lock`, String(2 ** 22 - 1));
    expect(await withOwnershipLock(path, async () => 'mended')).toBe('mended');
  });
});
