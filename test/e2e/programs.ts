import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the clone. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

const packages: Readonly<Record<string, string>> = { xrouter: 'xrouter', xnameserver: 'xnameserver', xmigrate: 'migrate' };

/** The file that runs a program: the built one, as users get it. */
export function binary(program: string): string {
  return join(projectRoot, packages[program] ?? 'tools', 'bin', `${program}.js`);
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; timeoutMs?: number } = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const { cwd = projectRoot, env = {}, timeoutMs = 60_000 } = options;
    const child = execFile(
      process.execPath,
      [binary(program), ...args],
      { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, maxBuffer: 64 << 20 },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode, stdout, stderr });
      },
    );
    child.stdin?.end();
  });
}

/** Starts a program that goes on running; stdout and stderr are collected. */
export function start(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): { child: ChildProcess; output: () => string; ended: Promise<number | null> } {
  const child = spawn(command, args, { cwd: projectRoot, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (piece: Buffer) => (output += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (output += piece.toString()));
  return { child, output: () => output, ended: new Promise((resolve) => child.once('exit', (code) => resolve(code))) };
}

/** Waits until something holds. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs: number, what: string): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Command lines of processes that name a folder: what a test has left behind, if it is its own folder. */
export async function processesNaming(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const commandLine = await readFile(`/proc/${entry}/cmdline`, 'latin1').catch(() => '');
    if (commandLine.includes(folder)) found.push(commandLine.replaceAll('\0', ' ').trim());
  }
  return found;
}

/** A folder of its own, short enough for UNIX sockets, removed by `remove`. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'xia-e2e-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
