import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ExitCode, runProgram } from 'xia-core';
import { program } from '../../xnameserver/src/xnameserver/main.js';
import { sampleConfig } from '../../xnameserver/src/xnameserver/sample.js';
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
  const code = await runProgram(program, ['node', 'xnameserver', ...args]);
  return { code, output, errors };
}

describe('the xnameserver command', () => {
  it('prints its sample', async () => {
    expect(await run('sample')).toMatchObject({ code: ExitCode.OK, output: sampleConfig });
  });

  it('shows an example in its help', async () => {
    const { code, output } = await run('--help');
    expect(code).toBe(ExitCode.OK);
    expect(output).toContain('xnameserver run -c names.yaml');
  });

  it.each(['run', 'sample', 'list'])('shows an example in the help of %s', async (command) => {
    const { output } = await run(command, '--help');
    expect(output).toMatch(new RegExp(`Example:\\n {2}xnameserver ${command}`));
  });

  it('offers of the common options what means something here', async () => {
    const { output } = await run('run', '--help');
    expect(output).not.toContain('--json');
    expect(output.replaceAll(/\s+/g, ' ')).toContain('default: nameserver.key in the data folder');
  });

  it('wants a host and a folder', async () => {
    expect(await run('run')).toMatchObject({ code: ExitCode.USAGE, errors: expect.stringContaining('--host') });
    expect(await run('run', '--host', '127.0.0.1:1')).toMatchObject({ code: ExitCode.USAGE, errors: expect.stringContaining('--data') });
  });

  it('says that a configuration or a daemon is missing', async () => {
    const folder = await temporaryFolder();
    expect((await run('run', '-c', join(folder, 'none.yaml'))).code).toBe(ExitCode.CONFIG);
    expect((await run('list', '--control', join(folder, 'none.ctl'))).code).toBe(ExitCode.UNREACHABLE);
  });
});
