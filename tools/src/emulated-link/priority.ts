import { readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Before all ordinary processes, behind those of the system. */
const NICENESS = -15;

/** A link does not wait for the programs at its ends: a process that emulates one goes first, where it may. */
export function goFirst(): void {
  try {
    setPriority(NICENESS);
    // Linux shares the processor among sessions before it looks at the niceness of their processes.
    if (isSessionLeader()) writeFileSync('/proc/self/autogroup', String(NICENESS));
  } catch {
    // Not as this user, or not on this system: the link is later than asked more often, and says so.
  }
}

/** Whoever shares its session with others must not raise them all. */
function isSessionLeader(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(session) === process.pid;
}
