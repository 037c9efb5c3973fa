import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { describe, expect, it, vi } from 'vitest';
import { ExitCode, exitCodeOf } from '../../../xia-core/src/app/exit-codes.js';
import { ExitRequest, runProgram } from '../../../xia-core/src/app/run-main.js';
import { XiaError } from '../../../xia-core/src/bytes/index.js';

async function run(action: () => void | Promise<void>, args: string[] = []): Promise<{ code: ExitCode; stderr: string }> {
  let stderr = '';
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  try {
    const program = new Command('tool').option('--size <n>').action(action);
    program.configureOutput({ writeOut: () => {}, writeErr: (text) => (stderr += text) });
    return { code: await runProgram(program, ['node', 'tool', ...args]), stderr };
  } finally {
    spy.mockRestore();
  }
}

describe('runProgram', () => {
  it('gives 0 for success and for --help', async () => {
    expect((await run(() => {})).code).toBe(ExitCode.OK);
    expect((await run(() => {}, ['--help'])).code).toBe(ExitCode.OK);
  });

  it('gives USAGE for unknown options and missing arguments', async () => {
    expect(await run(() => {}, ['--colour'])).toMatchObject({ code: ExitCode.USAGE, stderr: expect.stringContaining('--colour') });
    expect((await run(() => {}, ['--size'])).code).toBe(ExitCode.USAGE);
  });

  it('prints the message of our own errors, and the stack of a defect', async () => {
    const ours = await run(() => {
      throw new XiaError('bad-config', 'r1.yaml:1:1: name: missing');
    });
    expect(ours).toEqual({ code: ExitCode.CONFIG, stderr: 'tool: r1.yaml:1:1: name: missing\n' });
    const defect = await run(async () => {
      throw new TypeError('x is not a function');
    });
    expect(defect.code).toBe(ExitCode.INTERNAL);
    expect(defect.stderr).toContain('run-main.test');
  });

  it('lets an action choose its code', async () => {
    expect(
      await run(() => {
        throw new ExitRequest(ExitCode.FAILED);
      }),
    ).toEqual({ code: ExitCode.FAILED, stderr: '' });
  });

  it('aborts the signal on SIGTERM, waits for the cleanup, and gives 143', async () => {
    let cleaned = false;
    const code = await runProgram(
      (signal) =>
        new Command('tool').action(async () => {
          setTimeout(() => process.emit('SIGTERM', 'SIGTERM'), 5);
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          await new Promise((resolve) => setTimeout(resolve, 10));
          cleaned = true;
          throw signal.reason;
        }),
      ['node', 'tool'],
    );
    expect({ code, cleaned }).toEqual({ code: ExitCode.TERMINATED, cleaned: true });
  });

  it('gives SIGHUP to a program that handles it, and stops on it otherwise', async () => {
    const hungUp = (handles: boolean) => {
      let times = 0;
      return runProgram(
        (signal, hangups) =>
          new Command('daemon').action(async () => {
            if (handles) hangups.handle(() => ++times === 2 && process.emit('SIGTERM', 'SIGTERM'));
            setImmediate(() => process.emit('SIGHUP', 'SIGHUP') && handles && process.emit('SIGHUP', 'SIGHUP'));
            if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
          }),
        ['node', 'daemon'],
      ).then((code) => ({ code, times }));
    };
    expect(await hungUp(true)).toEqual({ code: ExitCode.TERMINATED, times: 2 });
    expect(await hungUp(false)).toEqual({ code: ExitCode.TERMINATED, times: 0 });
  });
});

describe('exitCodeOf', () => {
  it('knows the surroundings from a defect', () => {
    expect(exitCodeOf(Object.assign(new Error('bind'), { code: 'EADDRINUSE' }))).toBe(ExitCode.FAILED);
    expect(exitCodeOf(new RangeError('oops'))).toBe(ExitCode.INTERNAL);
    expect(exitCodeOf(new XiaError('missing-prerequisite', 'no qemu'))).toBe(ExitCode.PREREQUISITE);
  });
});

describe('docs/exit-codes.md', () => {
  it('has the same table', async () => {
    const text = await readFile(new URL('../../../docs/exit-codes.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| (\d+) \| `([A-Z]+)` \|/gm)].map((row) => [row[2], Number(row[1])]);
    expect(Object.fromEntries(rows)).toEqual(ExitCode);
  });
});
