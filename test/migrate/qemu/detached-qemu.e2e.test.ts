import { readFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startDetachedQemu } from '../../../migrate/src/qemu/detached-qemu.js';
import { queryRunState } from '../../../migrate/src/qemu/migration.js';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const machine = { name: 'test', accelerator: 'tcg', memoryMb: 64, paused: true } as const;

describe('startDetachedQemu', () => {
  test('gives a QEMU that answers, and is nobody’s child', async () => {
    const { pid, files } = await startDetachedQemu({ ...machine, directory: await temporaryFolder() }, { MARK: 'of the test' });
    const commandLine = async () => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    onTestFinished(async () => {
      if ((await commandLine()).includes(files.qmpSocket)) process.kill(pid, 'SIGKILL');
    });
    await using qmp = await QmpClient.connect({ path: files.qmpSocket });
    expect(await queryRunState(qmp)).toEqual({ status: 'prelaunch', running: false });
    const parent = /^PPid:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    expect(Number(parent)).not.toBe(process.pid);
    expect(await readFile(`/proc/${pid}/environ`, 'utf8')).toContain('MARK=of the test');
    await qmp.execute('quit');
    await expect.poll(commandLine, { timeout: 5000 }).toBe('');
  });

  test('says in the words of QEMU why it does not start', async () => {
    const directory = await temporaryFolder();
    await expect(startDetachedQemu({ ...machine, directory, machineType: 'typewriter' })).rejects.toMatchObject({
      code: 'qemu-failed',
      message: expect.stringContaining('unsupported machine type'),
    });
  });
});
