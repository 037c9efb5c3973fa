import { fork, spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { XiaError } from 'xia-core';
import { programFile } from '../xtestbed/index.js';
import type { Listening } from './load-messages.js';

/** A process that datagrams go to. It ends with `stop`, or with us. */
export interface PathProcess {
  readonly child: ChildProcess;
  readonly port: number;
}

/** What is shown of a process that failed. */
const SAID_CHARACTERS = 300;

/** Starts `name.js` of this folder, which sends its port first. */
export async function startPart(name: 'generator' | 'sink' | 'relay', args: readonly (string | number)[] = []): Promise<PathProcess> {
  const file = fileURLToPath(new URL(`../../dist/bench-forwarding/${name}.js`, import.meta.url));
  const child = fork(file, args.map(String), { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const [{ port }] = (await orExit(child, once(child, 'message'), name)) as [Listening];
  return { child, port };
}

/** Starts a router, and gives the port that its face `in` listens on. */
export async function startRouter(configFile: string): Promise<PathProcess> {
  const child = spawn(process.execPath, [programFile('xrouter'), 'run', '-c', configFile], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [line] = (await orExit(child, once(child.stdout, 'data'), 'xrouter')) as [Buffer];
  const { faces } = JSON.parse(line.toString()) as { faces: Record<string, string> };
  return { child, port: Number(faces['in']?.split(':').at(-1)) };
}

/** @throws XiaError `testbed-failed` with what the process said when it ends instead */
async function orExit<Value>(child: ChildProcess, value: Promise<Value>, name: string): Promise<Value> {
  let said = '';
  child.stderr?.on('data', (piece: Buffer) => (said += piece.toString()));
  const exited = once(child, 'close').then(([code]) => {
    throw new XiaError('testbed-failed', `${name} ended with exit code ${code}: ${said.trim().slice(0, SAID_CHARACTERS)}`);
  });
  return Promise.race([value, exited]);
}

export async function stop(part: PathProcess): Promise<void> {
  const { child } = part;
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (child.connected) child.disconnect();
  else child.kill('SIGTERM');
  await exited;
}

/** CPU time of a process so far, all its threads, ns; by the scheduler's clock, which is finer than the ticks of `stat`. */
export async function cpuNsOf({ child }: PathProcess): Promise<number> {
  const folder = `/proc/${child.pid}/task`;
  let total = 0;
  for (const task of await readdir(folder)) {
    const text = await readFile(`${folder}/${task}/schedstat`, 'latin1').catch(() => '0');
    total += Number(text.split(' ')[0]);
  }
  return total;
}
