import { spawn, type ChildProcess } from 'node:child_process';
import { afterEach, expect } from 'vitest';
import { binary, until } from './programs.js';
import type { Testbed } from './testbed.js';

/** A running program of which everything is known: what it wrote, and how it ended. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => Buffer;
  readonly stderr: () => string;
  /** The lines of `--json` on stderr that have this type. */
  readonly events: (type: string) => Record<string, unknown>[];
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface StartOptions {
  /** What it gets on stdin, to its end; nothing by default. */
  readonly input?: Buffer | string;
  /** Leaves stdin open. */
  readonly openInput?: boolean;
  /** Reads its stdout only when somebody else does. */
  readonly holdOutput?: boolean;
  readonly cwd?: string;
}

/** Starts programs on the hosts of a testbed as children of the test, so that a signal reaches them and nobody else. */
export function useDirectPrograms(testbed: Testbed) {
  const running = new Set<ChildProcess>();
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    await until(() => running.size === 0, 5000, 'the programs of the test have ended');
  });

  /** Starts a program of this project, attached to a host. */
  async function launch(host: string, program: string, args: readonly string[], options: StartOptions = {}): Promise<Running> {
    const { input, openInput = false, holdOutput = false, cwd = testbed.folder } = options;
    const env = { ...process.env, XIA_HOST: testbed.node(host).access };
    const child = spawn(process.execPath, [binary(program), ...args], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(child);
    const pieces: Buffer[] = [];
    let stderr = '';
    if (!holdOutput) child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()));
    child.stdin.on('error', () => {});
    if (!openInput) child.stdin.end(input);
    const ended = new Promise<number | NodeJS.Signals>((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child);
        resolve(code ?? signal!);
      });
    });
    const events = (type: string) =>
      stderr
        .split('\n')
        .filter((line) => line.startsWith(`{"type":"${type}"`))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    return { child, stdout: () => Buffer.concat(pieces), stderr: () => stderr, events, ended };
  }

  /** Starts `xcat listen --json`, and gives its address once it listens. */
  async function listen(host: string, args: readonly string[], options: StartOptions = {}): Promise<Running & { dag: string }> {
    const program = await launch(host, 'xcat', ['listen', '--json', ...args], options);
    await until(() => program.events('listening').length > 0 || program.child.exitCode !== null, 10_000, 'xcat listens');
    expect(program.events('listening'), program.stderr()).toHaveLength(1);
    return { ...program, dag: program.events('listening')[0]!['dag'] as string };
  }

  const connect = (host: string, args: readonly string[], options: StartOptions = {}) =>
    launch(host, 'xcat', ['connect', '--json', ...args], options);

  return { launch, listen, connect };
}
