import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { XiaError } from 'xia-core';
import type { PlannedNode } from './planned-node.js';
import { programFile } from './programs.js';
import { recordProcess, type ProcessRecord } from './processes.js';

const READY_TIMEOUT_MS = 30_000;
const POLL_MS = 15;

const daemons = { link: 'xlink', router: 'xrouter', host: 'xrouter', nameserver: 'xnameserver' } as const;

const readySchema = v.looseObject({ ready: v.literal(true), name: v.string() });

/** The last lines of what a daemon wrote on stderr and to its log: the reason why it did not start. */
async function lastWords(files: readonly string[]): Promise<string> {
  const texts = await Promise.all(files.map(async (file) => readFile(file, 'utf8').catch(() => '')));
  return texts
    .flatMap((text) => text.trim().split('\n').slice(-4))
    .filter((line) => line !== '')
    .join('\n  ');
}

function isReady(output: string): boolean {
  const end = output.indexOf('\n');
  if (end < 0) return false;
  try {
    return v.is(readySchema, JSON.parse(output.slice(0, end)));
  } catch {
    return false;
  }
}

/**
 * Starts a daemon and waits for its line `{"ready":true,...}` on stdout.
 *
 * It gets a process group of its own, so Ctrl-C in the terminal reaches only us and we end the daemons in order; its
 * output goes to files, so it outlives the one who started it. `onStarted` is called before the wait.
 * @throws XiaError `testbed-failed` with its last words
 */
export async function startDaemon(
  node: PlannedNode,
  {
    onStarted,
    signal,
    nodeOptions = [],
  }: {
    onStarted: (process: ProcessRecord) => void | Promise<void>;
    signal?: AbortSignal | undefined;
    nodeOptions?: readonly string[];
  },
): Promise<void> {
  const outputFile = node.logFile.replace(/\.\w+$/, '.out');
  const errorFile = node.logFile.replace(/\.\w+$/, '.err');
  const output = await open(outputFile, 'w');
  const errors = await open(errorFile, 'w');
  try {
    signal?.throwIfAborted();
    const { args = ['run', '-c', node.configFile] } = node;
    const child = spawn(process.execPath, [...nodeOptions, programFile(daemons[node.kind]), ...args], {
      detached: true,
      stdio: ['ignore', output.fd, errors.fd],
    });
    const failed = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, by) => resolve(by === null ? `exit code ${code}` : `killed by ${by}`));
    });
    child.unref();
    const record =
      child.pid === undefined
        ? undefined
        : await recordProcess(node.name, child.pid, node.args === undefined ? node.configFile : node.control);
    if (record !== undefined) await onStarted(record);
    let ended: string | undefined;
    void failed.then((reason) => (ended = reason));
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!isReady(await readFile(outputFile, 'utf8'))) {
      signal?.throwIfAborted();
      const late = Date.now() > deadline ? `not ready after ${READY_TIMEOUT_MS / 1000} s` : undefined;
      const reason = ended ?? late;
      if (reason !== undefined) {
        throw new XiaError('testbed-failed', `${node.name} did not start (${reason})\n  ${await lastWords([errorFile, node.logFile])}`, {
          node: node.name,
        });
      }
      await delay(POLL_MS);
    }
  } finally {
    await output.close();
    await errors.close();
  }
}
