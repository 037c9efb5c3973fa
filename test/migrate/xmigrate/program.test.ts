import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ExitCode, runProgram } from 'xia-core';
import { OwnershipFile } from '../../../migrate/src/state/index.js';
import { outcomeExitCode } from '../../../migrate/src/xmigrate/outcome-code.js';
import { xmigrateProgram } from '../../../migrate/src/xmigrate/program.js';

let directory: string;
let output: string;
let errors: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'xmigrate-'));
  output = '';
  errors = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

const SIDES = [
  'run',
  '--vm',
  'vm1',
  ...['source', 'destination'].flatMap((side) => ['qmp', 'host', 'state'].flatMap((what) => [`--${side}-${what}`, 'x'])),
];

const xmigrate = (...words: string[]) => runProgram((signal) => xmigrateProgram(signal), ['node', 'xmigrate', ...words]);

describe('xmigrate', () => {
  it.each(['run', 'send', 'recv', 'agent', 'status', 'resume', 'abort', 'take-back', 'forget'])(
    'shows an example in the help of %s',
    async (command) => {
      expect(await xmigrate(command, '--help')).toBe(ExitCode.OK);
      expect(output).toContain(`xmigrate ${command}`);
      expect(output).toMatch(/Example[^\n]*:\n/);
    },
  );

  it('shows an example in its own help, and that a name is bound to a key', async () => {
    await xmigrate('--help');
    expect(output).toMatch(/Example[^\n]*:\n {2}xmigrate run/);
    for (const command of ['agent', 'recv']) {
      output = '';
      await xmigrate(command, '--help');
      expect(output.replaceAll(/\s+/g, ' ')).toContain('belongs to the key that registered it first');
    }
  });

  it('reads no secret that others may read, and begins nothing then', async () => {
    const secret = join(directory, 'secret');
    writeFileSync(secret, 'ab'.repeat(32), { mode: 0o644 });
    const words = ['--source-qmp', 'a', '--destination-qmp', 'b', '--source-host', '127.0.0.1:1', '--destination-host', '127.0.0.1:2'];
    const states = ['--source-state', directory, '--destination-state', directory];
    expect(await xmigrate('run', '--vm', 'vm1', ...words, ...states, '--secret', secret)).not.toBe(ExitCode.OK);
    expect(errors).toContain('chmod 600');
  });

  it('has no --json where there is nothing but JSON', async () => {
    await xmigrate('agent', '--help');
    expect(output).not.toContain('--json');
  });

  it.each([
    ['send without a destination', ['send', '--vm', 'vm1']],
    ['a chunk that is too large', ['send', '--vm', 'vm1', '--to', 'x', '--chunk', '2M']],
    ['a window that is no size', ['recv', '--vm', 'vm1', '--window', 'much']],
    ['a service that is no SID', ['recv', '--vm', 'vm1', '--listen', `HID:${'0'.repeat(40)}`]],
    ['a guest without its host', ['send', '--vm', 'vm1', '--to', 'x', '--guest', `HID:${'0'.repeat(40)}`]],
    ['a VM name that is a path', ['status', '--vm', '../x']],
    ['a run that lacks everything', ['run', '--vm', 'vm1']],
    ['a run with two sides and a plan', ['run', '--vm', 'vm1', '--plan', 'vms.yaml']],
    ['a bandwidth by both its names', [...SIDES, '--bandwidth', '1M', '--max-bandwidth', '1M']],
    ['a time that is none', [...SIDES, '--timeout', 'soon']],
    ['a node without a host', ['send', '--vm', 'vm1', '--to', 'x', '--state', '/nonexistent']],
  ])('exits with a usage error on %s', async (_what, words) => {
    vi.stubEnv('XIA_HOST', undefined);
    expect(await xmigrate(...words)).toBe(ExitCode.USAGE);
    expect(errors).not.toBe('');
    vi.unstubAllEnvs();
  });

  it('names every option that a run lacks at once', async () => {
    expect(await xmigrate('run', '--vm', 'vm1', '--source-qmp', 'a.qmp')).toBe(ExitCode.USAGE);
    expect(errors).toContain('--destination-qmp, --source-host, --destination-host, --source-state, --destination-state: missing');
  });

  it('prints a plan that it understands, and says where one is wrong', async () => {
    expect(await xmigrate('run', '--sample-plan')).toBe(ExitCode.OK);
    expect(output).toContain('vms:');
    const file = join(directory, 'vms.yaml');
    writeFileSync(file, output.replace('concurrency:', 'concurency:'));
    expect(await xmigrate('run', '--plan', file)).toBe(ExitCode.CONFIG);
    expect(errors).toContain(`${file}:2:1: concurency: unknown key`);
  });

  it('says every fault of a run at once, and leaves with "refused"', async () => {
    const key = join(directory, 'none.key');
    const words = [...SIDES, '--source-host', 'nowhere', '--destination-host', '127.0.0.1:70000', '--source-key', key];
    expect(await xmigrate(...words, '--destination-qmp', join(directory, 'b.qmp'), '--destination-control', join(directory, 'b.ctl'))).toBe(
      ExitCode.REFUSED,
    );
    for (const word of ['no QMP socket x', 'b.qmp', '"nowhere"', '70000', 'none.key', 'same state directory', 'b.ctl'])
      expect(errors).toContain(word);
    expect(errors).toMatch(/warning vm1: plan: no --guest/);
    expect(errors).toContain('vm1 was not touched: 7 faults');
    errors = '';
    expect(await xmigrate(...words, '--json')).toBe(ExitCode.REFUSED);
    expect(errors).toBe('');
    expect(JSON.parse(output)).toMatchObject({
      event: 'plan',
      vm: 'vm1',
      findings: expect.arrayContaining([expect.objectContaining({ level: 'fault' })]),
    });
  });

  it('says who owns a VM and what to do', async () => {
    expect(await xmigrate('status', '--state', directory)).toBe(ExitCode.OK);
    expect(output).toContain('no migration touched it');
    new OwnershipFile(directory, 'vm1').write({ role: 'source', phase: 'gone' }, { bytes: 5_000_000, chunks: 20 });
    output = '';
    await xmigrate('status', '--state', directory);
    expect(output).toMatch(/vm1 runs at the destination[\s\S]*the other host[\s\S]*5\.0 MB in 20 chunks[\s\S]*never "cont" it/);
    output = '';
    await xmigrate('status', '--state', directory, '--vm', 'vm1', '--json');
    expect(JSON.parse(output)).toMatchObject({ vm: 'vm1', phase: 'gone', owner: 'there', alive: true });
  });

  it('takes back only when the operator vouches', async () => {
    const file = new OwnershipFile(directory, 'vm1');
    file.write({ role: 'source', phase: 'handed-over' });
    expect(await xmigrate('take-back', '--vm', 'vm1', '--state', directory)).toBe(ExitCode.USAGE);
    expect(file.read()?.phase).toBe('handed-over');
    expect(await xmigrate('take-back', '--vm', 'vm1', '--state', directory, '--destination-does-not-run-it')).toBe(ExitCode.OK);
    expect(file.read()?.phase).toBe('running');
    expect(await xmigrate('take-back', '--vm', 'vm1', '--state', directory, '--destination-does-not-run-it')).toBe(ExitCode.REFUSED);
    expect(await xmigrate('forget', '--vm', 'vm1', '--state', directory)).toBe(ExitCode.OK);
    expect(file.read()).toBeUndefined();
  });
});

it('has an exit code for every end, and OK for a VM that moved only', () => {
  expect(outcomeExitCode({ kind: 'handed-over', bytes: 1, chunks: 1, sha256: new Uint8Array(32) })).toBe(ExitCode.OK);
  expect(outcomeExitCode({ kind: 'aborted', code: 'wrong-vm', reason: '', by: 'peer' })).toBe(ExitCode.REFUSED);
  expect(outcomeExitCode({ kind: 'aborted', code: 'peer-lost', reason: '', by: 'here' })).toBe(ExitCode.UNREACHABLE);
  expect(outcomeExitCode({ kind: 'aborted', code: 'integrity', reason: '', by: 'here' })).toBe(ExitCode.FAILED);
  expect(outcomeExitCode({ kind: 'in-doubt', reason: '' })).toBe(ExitCode.FAILED);
  expect(outcomeExitCode({ kind: 'failed', reason: '' })).toBe(ExitCode.FAILED);
});
