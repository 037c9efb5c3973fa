import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { XiaError } from 'xia-core';
import { isProcessAlive } from './process-alive.js';

/**
 * Runs `act` while no other process that asks does so for the same state file: two operators who mend one VM at the same time must not
 * decide differently. The lock of a process that died is broken.
 * @throws XiaError `already-running`
 */
export async function withOwnershipLock<T>(statePath: string, act: () => Promise<T>): Promise<T> {
  const path = `${statePath}.lock`;
  take(path);
  try {
    return await act();
  } finally {
    unlinkSync(path);
  }
}

function take(path: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, String(process.pid));
      closeSync(file);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Nothing was ever written here, so there is nothing to decide about.
      if (code !== 'EEXIST') throw error;
    }
    const holder = Number(readFileSync(path, 'utf8'));
    if (attempt > 0 || (holder > 0 && isProcessAlive(holder))) {
      throw new XiaError('already-running', `process ${holder} is mending this VM already, says ${path}`, { pid: holder });
    }
    unlinkSync(path);
  }
}
