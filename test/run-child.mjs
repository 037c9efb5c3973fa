// Children of the test runner. Each leads a process group of its own, so that an interruption ends all that a test started.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { projectRoot } from '../tools/bootstrap.mjs';

/** How long children may clean up after an interruption before they are killed. */
const GRACE_MS = 10_000;

const running = new Set();
let interruption;

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // The whole group has ended already.
  }
}

function interrupt(signal) {
  // Who asks twice does not want to wait.
  const effective = interruption === undefined ? signal : 'SIGKILL';
  interruption ??= signal;
  for (const pid of running) signalGroup(pid, effective);
  setTimeout(() => {
    for (const pid of running) signalGroup(pid, 'SIGKILL');
  }, GRACE_MS).unref();
  if (running.size === 0) exitInterrupted();
}

function exitInterrupted() {
  process.exit(128 + constants.signals[interruption]);
}

/** From here on Ctrl-C and SIGTERM end the children first and then this process, with exit code 130 or 143. */
export function endChildrenOnSignals() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
}

/**
 * Runs a command in the project's folder until it ends.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{capture?: boolean, onMessage?: (message: any) => void}} [options] capture: return what it prints instead of
 * printing it; onMessage: gets what it sends over its IPC channel
 * @returns {Promise<{ok: boolean, code: number | null, output: string}>}
 */
export function runChild(command, args, { capture = false, onMessage } = {}) {
  return new Promise((resolve) => {
    const streams = capture ? 'pipe' : 'inherit';
    const stdio = ['ignore', streams, streams, ...(onMessage === undefined ? [] : ['ipc'])];
    const child = spawn(command, args, { cwd: projectRoot, stdio, detached: true });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));
    if (onMessage !== undefined) child.on('message', onMessage);
    if (child.pid !== undefined) running.add(child.pid);
    child.on('error', (error) => resolve({ ok: false, code: null, output: `${command}: ${error.message}` }));
    child.on('close', (code) => {
      running.delete(child.pid);
      if (interruption === undefined) return resolve({ ok: code === 0, code, output });
      // The leader is gone; whatever it has left behind goes with it.
      signalGroup(child.pid, 'SIGKILL');
      if (running.size === 0) exitInterrupted();
    });
  });
}
