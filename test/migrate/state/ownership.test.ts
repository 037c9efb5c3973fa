import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  checkMayReceive,
  checkMaySend,
  noteStays,
  isProcessAlive,
  listOwnership,
  OwnershipFile,
  ownershipAdvice,
  ownershipPhases,
  takeBack,
  type OwnershipRecord,
  type OwnershipStep,
} from '../../../migrate/src/state/index.js';

let directory: string;
let file: OwnershipFile;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ownership-'));
  file = new OwnershipFile(join(directory, 'state'), 'vm1');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Rewrites the record as if another process had written it. */
function writtenBy(pid: number): void {
  writeFileSync(file.path, JSON.stringify({ ...file.read()!, pid }));
}

const deadPid = 2 ** 22 - 1;

describe('the state file', () => {
  it('keeps what a step does not change, and counts the writes', () => {
    file.write({ role: 'source', phase: 'sending' }, { transfer: 'ab'.repeat(16), peer: 'RE AD HID' });
    const record = file.write({ role: 'source', phase: 'handed-over' }, { bytes: 10, chunks: 1 });
    expect(file.read()).toEqual(record);
    expect(record).toMatchObject({ vm: 'vm1', peer: 'RE AD HID', transfer: 'ab'.repeat(16), bytes: 10, sequence: 2, pid: process.pid });
  });

  it('keeps whether the VM ran when its move began, and takes a file that does not say for one that did', () => {
    file.write({ role: 'source', phase: 'sending' }, { runs: false });
    expect(file.write({ role: 'source', phase: 'handed-over' })).toMatchObject({ runs: false });
    expect(ownershipAdvice({ ...file.read()!, role: 'source', phase: 'sending' }, false).action).toContain('paused');
    expect(file.write({ role: 'source', phase: 'sending' }, { runs: true })).toMatchObject({ runs: true });
    const { runs: _runs, ...older } = file.read()!;
    writeFileSync(file.path, JSON.stringify(older));
    expect(file.read()).toMatchObject({ runs: true });
  });

  it('leaves nothing but itself in the directory', () => {
    file.write({ role: 'source', phase: 'sending' });
    expect(readdirSync(join(directory, 'state'))).toEqual(['vm1.json']);
  });

  it('takes a step that was prepared, and says when', async () => {
    file.write({ role: 'source', phase: 'sending' });
    await file.prepare({ role: 'source', phase: 'handed-over' }, { bytes: 10 });
    expect(file.read()).toMatchObject({ phase: 'sending', sequence: 1 });
    const prepared = readdirSync(join(directory, 'state')).find((name) => name !== 'vm1.json')!;
    const text = readFileSync(join(directory, 'state', prepared), 'utf8');
    file.write({ role: 'source', phase: 'handed-over' }, { bytes: 10 });
    expect(readFileSync(file.path, 'utf8')).toBe(text);
    expect(file.read()).toMatchObject({ phase: 'handed-over', sequence: 2, bytes: 10, pid: process.pid });
    expect(readdirSync(join(directory, 'state'))).toEqual(['vm1.json']);
  });

  it.each([
    ['another step', { role: 'source', phase: 'running' }, { bytes: 10 }],
    ['other details', { role: 'source', phase: 'handed-over' }, { bytes: 11 }],
  ] as const)('forgets what was prepared when %s comes', async (_what, step, details) => {
    file.write({ role: 'source', phase: 'sending' });
    await file.prepare({ role: 'source', phase: 'handed-over' }, { bytes: 10 });
    file.write(step, details);
    expect(file.read()).toMatchObject({ ...step, ...details, sequence: 2 });
    expect(readdirSync(join(directory, 'state'))).toEqual(['vm1.json']);
  });

  it('forgets what was prepared when somebody else has written, or it is not on disk in time', async () => {
    file.write({ role: 'source', phase: 'sending' });
    await file.prepare({ role: 'source', phase: 'handed-over' });
    new OwnershipFile(join(directory, 'state'), 'vm1').write({ role: 'source', phase: 'sending' }, { reason: 'another' });
    expect(file.write({ role: 'source', phase: 'handed-over' })).toMatchObject({ sequence: 3 });
    const late = file.prepare({ role: 'source', phase: 'gone' });
    expect(file.write({ role: 'source', phase: 'gone' })).toMatchObject({ sequence: 4 });
    await late;
    expect(file.read()).toMatchObject({ phase: 'gone', sequence: 4 });
    expect(readdirSync(join(directory, 'state'))).toEqual(['vm1.json']);
  });

  it('prepares nothing where nothing can be written, and says so when it is written', async () => {
    writeFileSync(join(directory, 'state'), 'a file');
    await file.prepare({ role: 'source', phase: 'sending' });
    expect(() => file.write({ role: 'source', phase: 'sending' })).toThrow();
  });

  it('is refused when it is not one', () => {
    expect(file.read()).toBeUndefined();
    file.write({ role: 'source', phase: 'sending' });
    writeFileSync(file.path, 'half a rec');
    expect(() => file.read()).toThrow(/not JSON/);
    writeFileSync(file.path, readFileSync(file.path, 'utf8').replace('half a rec', '{"format":1}'));
    expect(() => file.read()).toThrow(/vm1\.json: /);
  });

  it('takes no path for a VM name', () => {
    expect(() => new OwnershipFile(directory, '../x')).toThrow(/no VM name/);
  });

  it('is listed with the others by name', () => {
    expect(listOwnership(join(directory, 'state'))).toEqual([]);
    new OwnershipFile(join(directory, 'state'), 'vm2').write({ role: 'destination', phase: 'receiving' });
    file.write({ role: 'source', phase: 'running' });
    expect(listOwnership(join(directory, 'state')).map((record) => record.vm)).toEqual(['vm1', 'vm2']);
  });
});

describe('who may move a VM', () => {
  it('lets nobody send what was handed over', () => {
    checkMaySend(file);
    for (const phase of ['handed-over', 'gone'] as const) {
      file.write({ role: 'source', phase });
      expect(() => checkMaySend(file)).toThrow(/not this host's to send/);
    }
    file.write({ role: 'destination', phase: 'running' });
    checkMaySend(file);
  });

  it('lets nobody interfere with a process that moves it', () => {
    file.write({ role: 'source', phase: 'sending' });
    writtenBy(process.ppid);
    expect(() => checkMayReceive(file)).toThrow(/is sending vm1/);
    expect(() => checkMaySend(file)).toThrow(/is sending vm1/);
    writtenBy(deadPid);
    checkMayReceive(file);
    checkMaySend(file);
  });

  it('lets the operator take back what was handed over, and nothing else', () => {
    expect(() => takeBack(file, 'vm1')).toThrow(/nothing is known/);
    file.write({ role: 'destination', phase: 'running' });
    expect(() => takeBack(file, 'vm1')).toThrow(/destination\/running/);
    file.write({ role: 'source', phase: 'handed-over' });
    expect(takeBack(file, 'vm1')).toMatchObject({ role: 'source', phase: 'running' });
  });
});

describe('a VM that stays where nothing can be written', () => {
  it('may run unless it is written that it was given up', () => {
    const mine = new OwnershipFile(directory, 'vm1');
    const full = Object.assign(new OwnershipFile(directory, 'vm1'), {
      write: () => {
        throw new Error('no space left on device');
      },
    });
    mine.write({ role: 'source', phase: 'sending' });
    noteStays(full, { reason: 'aborted' });
    mine.write({ role: 'source', phase: 'handed-over' });
    expect(() => noteStays(full, { reason: 'aborted' })).toThrow('no space');
    noteStays(mine, { reason: 'aborted' });
    expect(mine.read()).toMatchObject({ phase: 'running', reason: 'aborted' });
  });
});

describe('the advice', () => {
  const record = (step: OwnershipStep): OwnershipRecord => file.write(step, { reason: 'a reason' });
  const every: OwnershipStep[] = [
    ...ownershipPhases.source.map((phase) => ({ role: 'source', phase }) as const),
    ...ownershipPhases.destination.map((phase) => ({ role: 'destination', phase }) as const),
  ];

  it('names an owner for every record whose process is gone, but for the one that only the other host can tell', () => {
    for (const step of every) {
      const advice = ownershipAdvice(record(step), false);
      expect(advice.meaning).toContain('vm1');
      expect(advice.owner === 'undecided', `${step.role}/${step.phase}`).toBe(step.phase === 'handed-over');
    }
  });

  it('never calls both hosts of one migration the owner', () => {
    // Pairs that a crash can leave behind: the destination's mark implies the source's, never the other way round.
    const pairs: [OwnershipStep, OwnershipStep][] = [
      [
        { role: 'source', phase: 'sending' },
        { role: 'destination', phase: 'receiving' },
      ],
      [
        { role: 'source', phase: 'sending' },
        { role: 'destination', phase: 'received' },
      ],
      [
        { role: 'source', phase: 'handed-over' },
        { role: 'destination', phase: 'received' },
      ],
      [
        { role: 'source', phase: 'handed-over' },
        { role: 'destination', phase: 'running' },
      ],
      [
        { role: 'source', phase: 'gone' },
        { role: 'destination', phase: 'running' },
      ],
      [
        { role: 'source', phase: 'gone' },
        { role: 'destination', phase: 'failed' },
      ],
      [
        { role: 'source', phase: 'running' },
        { role: 'destination', phase: 'aborted' },
      ],
    ];
    for (const [source, destination] of pairs) {
      const owners = [ownershipAdvice(record(source), false).owner, ownershipAdvice(record(destination), false).owner];
      expect(owners.filter((owner) => owner === 'here').length).toBeLessThanOrEqual(1);
    }
  });
});

it('knows whether a process lives', () => {
  expect(isProcessAlive(process.pid)).toBe(true);
  expect(isProcessAlive(deadPid)).toBe(false);
});
