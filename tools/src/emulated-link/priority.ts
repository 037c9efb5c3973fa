import { setPriority } from 'node:os';

/** Before all ordinary processes, behind those of the system. */
const NICENESS = -15;

/** A link does not wait for the programs at its ends: a process that emulates one goes first, where it may. */
export function goFirst(): void {
  try {
    setPriority(NICENESS);
  } catch {
    // Not as this user: the link is later than asked more often, and says so.
  }
}
