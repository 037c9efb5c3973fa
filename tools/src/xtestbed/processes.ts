import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that we started, told from a later one with the same number by its start time and its command line. */
export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  /** Clock ticks since the machine started, from /proc. */
  readonly startTicks: string;
  /** A word of its command line. */
  readonly marker: string;
}

async function startTicksOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may contain blanks; counting starts behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Notes a process that was just started; undefined when it is gone already. */
export async function recordProcess(name: string, pid: number, marker: string): Promise<ProcessRecord | undefined> {
  const startTicks = await startTicksOf(pid);
  return startTicks === undefined ? undefined : { name, pid, startTicks, marker };
}

/** True while that very process runs. */
export async function isRunning(record: ProcessRecord): Promise<boolean> {
  if ((await startTicksOf(record.pid)) !== record.startTicks) return false;
  try {
    return (await readFile(`/proc/${record.pid}/cmdline`, 'utf8')).split('\0').includes(record.marker);
  } catch {
    return false;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends processes: SIGTERM, and SIGKILL for what is left after `graceMs`. Others that took over a number are left alone. */
export async function stopProcesses(records: readonly ProcessRecord[], graceMs = 5000): Promise<void> {
  const alive = async () => {
    const running = await Promise.all(records.map(isRunning));
    return records.filter((_, index) => running[index]);
  };
  for (const { pid } of await alive()) kill(pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  let left = await alive();
  while (left.length > 0 && Date.now() < deadline) {
    await delay(20);
    left = await alive();
  }
  for (const { pid } of left) kill(pid, 'SIGKILL');
  while ((await alive()).length > 0) await delay(10);
}

/** The largest resident size that a process has had, in MB (10^6 bytes); undefined when it is gone. */
export async function peakRssMb(pid: number): Promise<number | undefined> {
  try {
    const match = /^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
    return match === null ? undefined : Math.round((Number(match[1]) * 1024) / 1e5) / 10;
  } catch {
    return undefined;
  }
}

/** User and system time that a process has used, in seconds; undefined when it is gone. */
export async function cpuSeconds(pid: number): Promise<number | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}
