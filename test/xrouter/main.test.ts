import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ExitCode, loadIdentity, PrincipalType, runProgram, xidOf } from 'xia-core';
import { program } from '../../xrouter/src/xrouter/main.js';
import { temporaryFolder } from './support.js';

async function run(...args: string[]): Promise<{ code: ExitCode; output: string; errors: string }> {
  let output = '';
  let errors = '';
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((output += String(text))));
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((errors += String(text))));
  onTestFinished(() => {
    stdout.mockRestore();
    stderr.mockRestore();
  });
  const code = await runProgram(program, ['node', 'xrouter', ...args]);
  return { code, output, errors };
}

describe('xrouter key', () => {
  it('makes a key for its owner alone, and says whose it is', async () => {
    const file = join(await temporaryFolder(), 'keys', 'mine.key');
    const made = await run('key', file);
    expect(made).toMatchObject({ code: ExitCode.OK, errors: '' });
    expect(made.output).toBe(`${xidOf(PrincipalType.HID, await loadIdentity(file)).toString()}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await run('key', '--show', file)).toEqual(made);
  });

  it('overwrites nothing, and shows nothing that is not there', async () => {
    const file = join(await temporaryFolder(), 'mine.key');
    expect((await run('key', '--show', file)).code).toBe(ExitCode.CONFIG);
    await run('key', file);
    const pem = await readFile(file, 'utf8');
    expect(await run('key', file)).toMatchObject({ code: ExitCode.CONFIG, output: '', errors: expect.stringContaining('exists') });
    expect(await readFile(file, 'utf8')).toBe(pem);
  });
});

describe('the help of xrouter', () => {
  it.each(['run', 'reload', 'sample', 'check', 'show', 'info', 'fence', 'unfence', 'key'])('shows an example of %s', async (command) => {
    const { output } = await run(command, '--help');
    expect(output).toMatch(new RegExp(`Example:\\n {2}xrouter ${command}`));
  });
});
