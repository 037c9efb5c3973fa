import { readFileSync } from 'node:fs';
import { XiaError } from 'xia-core';
import { isProcessAlive } from '../state/index.js';

const LOOK_EVERY_MS = 500;
/** QEMU starts a shell, which may stay between. */
const GENERATIONS = 3;

/**
 * A signal that is aborted when the QEMU that started this process has gone. A program that only waits would not notice:
 * a pipe without a reader says so to writers alone. Never aborted when somebody else started it.
 */
export function qemuParentGone(): AbortSignal {
  const gone = new AbortController();
  const qemu = findQemu(process.ppid);
  if (qemu === undefined) return gone.signal;
  const timer = setInterval(() => {
    if (isProcessAlive(qemu)) return;
    clearInterval(timer);
    gone.abort(new XiaError('qemu-failed', 'QEMU there has ended'));
  }, LOOK_EVERY_MS);
  timer.unref();
  return gone.signal;
}

function findQemu(from: number): number | undefined {
  let pid = from;
  try {
    for (let generation = 0; generation < GENERATIONS && pid > 1; generation++) {
      if (readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu')) return pid;
      // Linux proc(5): after the name in parentheses come the state and the parent.
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      pid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    }
  } catch {
    // No such process any more, or no such file system: nobody to watch.
  }
  return undefined;
}
