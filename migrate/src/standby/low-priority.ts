import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** What a program of a move gives way by, unless told otherwise: nothing is lost where the way back is forbidden. */
const NICE_OF_MOVES = 5;
const LOWEST = 19;

/** Lets everything else go first while `act` runs. Who may not have his priority back afterwards only gives way as in a move. */
export async function atLowPriority(act: () => Promise<void>): Promise<void> {
  const before = getPriority();
  const isFree = mayRise(before);
  setThreads(isFree ? LOWEST : Math.max(before, NICE_OF_MOVES));
  try {
    await act();
  } finally {
    if (isFree) setThreads(before);
  }
}

function mayRise(from: number): boolean {
  try {
    setPriority(Math.max(-20, from - 1));
    setPriority(from);
    return from > -20;
  } catch {
    return false;
  }
}

/** Linux keeps a priority per thread. */
function setThreads(priority: number): void {
  try {
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), priority);
  } catch {
    // It is a courtesy.
  }
}
