import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

/** Kills a process that is still there when the test at hand is over, also when that was because its time was. */
export function endWithTest(child: ChildProcess): void {
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  try {
    onTestFinished(end);
  } catch (error) {
    // The function of a test whose time is over runs on.
    void end();
    throw error;
  }
}
