import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';
import { XiaError } from 'xia-core';
import { TUN_DEVICE } from './system-calls.js';

const execute = promisify(execFile);

/** Namespaces of this laboratory: the prefix, the process that made it, how many it made before, and which end. */
const NAME = /^xialab-(\d+)-\d+-(?:left|right)$/;

export function namespaceName(pid: number, number: number, end: 'left' | 'right'): string {
  return `xialab-${pid}-${number}-${end}`;
}

/** @throws XiaError `missing-prerequisite` when this process may not make namespaces and tun interfaces, saying what is missing */
export async function requireTunLab(): Promise<void> {
  if (process.platform !== 'linux') throw new XiaError('missing-prerequisite', 'network namespaces and tun interfaces are of Linux');
  if (process.getuid?.() !== 0) {
    throw new XiaError('missing-prerequisite', 'network namespaces need root: run it as root, or with sudo');
  }
  await access(TUN_DEVICE, constants.R_OK | constants.W_OK).catch((cause: unknown) => {
    throw new XiaError('missing-prerequisite', `${TUN_DEVICE} cannot be opened; load it with "modprobe tun"`, {}, { cause });
  });
  await ip('-V').catch((cause: unknown) => {
    throw new XiaError('missing-prerequisite', 'the program ip is missing: sudo apt-get install -y iproute2', {}, { cause });
  });
}

/** Runs `ip`. @throws XiaError `testbed-failed` with what it said */
export async function ip(...args: readonly string[]): Promise<string> {
  try {
    return (await execute('ip', args)).stdout;
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim() ?? (cause as Error).message;
    throw new XiaError('testbed-failed', `ip ${args.join(' ')}: ${said}`, {}, { cause });
  }
}

/** Makes a namespace with the settings that make measurements in it comparable. */
export async function addNamespace(name: string): Promise<void> {
  await ip('netns', 'add', name);
  await setSysctls(name, {
    // Neighbour and router discovery are packets that nobody asked for.
    'net.ipv6.conf.all.disable_ipv6': '1',
    'net.ipv6.conf.default.disable_ipv6': '1',
    // A connection shall know nothing of the one before it.
    'net.ipv4.tcp_no_metrics_save': '1',
    // Large enough for a gigabit over 300 ms, so that no window of the kernel's is what is measured.
    'net.ipv4.tcp_rmem': '4096 131072 134217728',
    'net.ipv4.tcp_wmem': '4096 65536 134217728',
  });
  await ip('-n', name, 'link', 'set', 'lo', 'up');
}

async function setSysctls(namespace: string, values: Readonly<Record<string, string>>): Promise<void> {
  const args = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  await ip('netns', 'exec', namespace, 'sysctl', '-q', '-w', ...args);
}

/** Ends the processes in a namespace, and removes it. One that is not there is none. */
export async function removeNamespace(name: string): Promise<void> {
  const pids = await ip('netns', 'pids', name).catch(() => '');
  for (const pid of pids.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  await ip('netns', 'delete', name).catch(() => {});
}

/** Removes what laboratories have left whose process was killed. */
export async function removeStaleNamespaces(): Promise<void> {
  const listed = await ip('netns', 'list');
  for (const line of listed.split('\n')) {
    const name = line.split(' ')[0] ?? '';
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await removeNamespace(name);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
