import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { isRunning, stopProcesses, type ProcessRecord } from './processes.js';
import { processSchema } from './state-file.js';

const SUFFIX = '.machine';
const RECORD_FILE = 'process.json';
const SERIAL_LOG = 'serial.log';

/** Where the QEMU that stands on a host has its files: beside the host's sockets, because its own need a short path, too. */
export function machineFolder(socketDir: string, host: string): string {
  return join(socketDir, `${host}${SUFFIX}`);
}

/** Notes the process of a machine in its folder, for whoever ends the testbed. */
export async function recordMachine(socketDir: string, host: string, record: ProcessRecord): Promise<void> {
  await writeFile(join(machineFolder(socketDir, host), RECORD_FILE), JSON.stringify(record), { mode: 0o600 });
}

/** The machine that runs on a host, if there is one. */
export async function runningMachine(socketDir: string, host: string): Promise<ProcessRecord | undefined> {
  const text = await readFile(join(machineFolder(socketDir, host), RECORD_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const record = v.parse(processSchema, JSON.parse(text));
  return (await isRunning(record)) ? record : undefined;
}

/** Ends the machines of all hosts. Their consoles are kept in `logDir`. */
export async function stopMachines(socketDir: string, logDir: string): Promise<void> {
  const names = await readdir(socketDir).catch(() => []);
  const hosts = names.flatMap((name) => (name.endsWith(SUFFIX) ? [name.slice(0, -SUFFIX.length)] : []));
  const records = await Promise.all(hosts.map(async (host) => runningMachine(socketDir, host)));
  await stopProcesses(records.flatMap((record) => record ?? []));
  for (const host of hosts) {
    await copyFile(join(machineFolder(socketDir, host), SERIAL_LOG), join(logDir, `${host}.serial.log`)).catch(() => {});
  }
}
