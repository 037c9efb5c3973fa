import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { machineFolder, recordMachine, runningMachine, stopMachines } from '../../../tools/src/xtestbed/machines.js';
import { isRunning, recordProcess } from '../../../tools/src/xtestbed/processes.js';

it('ends the machines of the hosts, and keeps their consoles', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'machines-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const [sockets, logs] = [join(folder, 'sockets'), join(folder, 'logs')];
  await stopMachines(sockets, logs); // before there is anything
  await mkdir(machineFolder(sockets, 'HOST_A'), { recursive: true });
  await mkdir(logs);
  expect(await runningMachine(sockets, 'HOST_A')).toBeUndefined();

  const script = "console.log('up'); setInterval(() => {}, 1000)";
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const record = await recordProcess('HOST_A', child.pid ?? 0, script);
  if (record === undefined) throw new Error('it has ended');
  await recordMachine(sockets, 'HOST_A', record);
  await writeFile(join(machineFolder(sockets, 'HOST_A'), 'serial.log'), 'a console');
  expect(await runningMachine(sockets, 'HOST_A')).toEqual(record);
  expect(await runningMachine(sockets, 'HOST_B')).toBeUndefined();

  await stopMachines(sockets, logs);
  expect(await isRunning(record)).toBe(false);
  expect(await runningMachine(sockets, 'HOST_A')).toBeUndefined();
  expect(await readFile(join(logs, 'HOST_A.serial.log'), 'utf8')).toBe('a console');
});
