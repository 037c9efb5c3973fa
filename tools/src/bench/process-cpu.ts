import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Ticks of `/proc/PID/stat`: USER_HZ is 100 on every Linux of today. */
const TICKS_PER_SECOND = 100;
const POLL_MS = 20;

/** Processor seconds, user and system. */
export interface CpuReading {
  readonly own: number;
  /** Of children that have ended and were waited for, and of theirs. */
  readonly children: number;
}

/** The times in a `/proc/PID/stat`. Its second field is the program's name and may hold blanks and brackets. */
export function parseCpu(stat: string): CpuReading {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const seconds = (first: number) => ((fields[first] ?? 0) + (fields[first + 1] ?? 0)) / TICKS_PER_SECOND;
  return { own: seconds(11), children: seconds(13) };
}

/** All zero when there is no such process. */
export async function readCpu(pid: number | undefined): Promise<CpuReading> {
  const stat = pid === undefined ? undefined : await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined ? { own: 0, children: 0 } : parseCpu(stat);
}

/** What a process used between two readings. */
export function cpuBetween(before: CpuReading, after: CpuReading): CpuReading {
  return { own: after.own - before.own, children: after.children - before.children };
}

/** Both parts together. */
export function cpuSum({ own, children }: CpuReading): number {
  return own + children;
}

async function hasChildren(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(threads.map(async (thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')));
  return lists.some((list) => list.trim() !== '');
}

/** Waits until every child of these processes has ended and was waited for, so that its time is counted. False when that takes too long. */
export async function childrenCounted(pids: readonly number[], timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while ((await Promise.all(pids.map(hasChildren))).includes(true)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}
