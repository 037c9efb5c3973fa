import { spawn } from 'node:child_process';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bundleGuest } from '../../../migrate/src/guest/bundle-guest.js';
import { queryRunState } from '../../../migrate/src/qemu/migration.js';
import { QemuProcess } from '../../../migrate/src/qemu/qemu-process.js';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { endWithTest } from '../support/end-with-test.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const machine = { name: 'test', accelerator: 'tcg', memoryMb: 64, paused: true } as const;
const source = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('QemuProcess', () => {
  test('starts, serves two monitors, and leaves nothing behind', async () => {
    const directory = await temporaryFolder();
    const qemu = await QemuProcess.start({ ...machine, directory });
    onTestFinished(async () => void (await qemu.stop()));
    expect(await queryRunState(qemu.qmp)).toEqual({ status: 'prelaunch', running: false });
    await using other = await QmpClient.connect({ path: qemu.files.qmpSocket });
    expect(other.version).toEqual(qemu.qmp.version);
    expect(Number(await readFile(qemu.files.pidFile, 'utf8'))).toBe(qemu.pid);
    const exit = await qemu.stop();
    expect(exit).toMatchObject({ code: 0, signal: null });
    expect(alive(qemu.pid)).toBe(false);
    await expect(access(qemu.files.pidFile)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('is ended by its signal', async () => {
    const abort = new AbortController();
    const qemu = await QemuProcess.start({ ...machine, directory: await temporaryFolder(), signal: abort.signal });
    abort.abort();
    await qemu.exited;
    expect(alive(qemu.pid)).toBe(false);
    await expect(QemuProcess.start({ ...machine, directory: '/nowhere', signal: abort.signal })).rejects.toMatchObject({
      code: 'interrupted',
    });
  });

  test('does not outlive a launcher that is killed', async () => {
    const directory = await temporaryFolder();
    const outfile = join(directory, 'launcher.mjs');
    await bundleGuest({
      entry: source('test/migrate/support/launch-and-wait.ts'),
      outFile: outfile,
      alias: { 'xia-core': source('xia-core/src/index.ts') },
    });
    const options = JSON.stringify({ ...machine, directory: join(directory, 'vm') });
    const launcher = spawn(process.execPath, [outfile, options], { stdio: ['ignore', 'pipe', 'inherit'] });
    endWithTest(launcher);
    const pid = await new Promise<number>((resolve, reject) => {
      launcher.stdout.once('data', (text) => resolve(Number(text)));
      launcher.once('exit', (exitCode) => reject(new Error(`the launcher ended with ${exitCode}`)));
    });
    expect(alive(pid)).toBe(true);
    launcher.kill('SIGKILL');
    await expect.poll(() => alive(pid), { timeout: 5_000 }).toBe(false);
  });

  test('says in the words of QEMU why it does not start', async () => {
    const directory = await temporaryFolder();
    await expect(QemuProcess.start({ ...machine, directory, machineType: 'typewriter' })).rejects.toMatchObject({
      code: 'qemu-failed',
      message: expect.stringContaining('unsupported machine type'),
    });
  });

  test('names the command that installs QEMU', async () => {
    const directory = await temporaryFolder();
    await expect(QemuProcess.start({ ...machine, directory, binary: 'qemu-system-none' })).rejects.toMatchObject({
      code: 'missing-prerequisite',
      context: { install: 'sudo apt-get install qemu-system-x86' },
    });
    const old = join(directory, 'qemu-old');
    await writeFile(old, '#!/bin/sh\necho QEMU emulator version 6.2.0\n', { mode: 0o755 });
    await expect(QemuProcess.start({ ...machine, directory, binary: old })).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: expect.stringContaining('7.2'),
    });
  });

  test('refuses a network that nobody carries', async () => {
    const directory = await temporaryFolder();
    const network = { path: join(directory, 'net.sock'), mac: '52:54:00:00:00:01' };
    await expect(QemuProcess.start({ ...machine, directory, network })).rejects.toMatchObject({
      code: 'qemu-failed',
      context: { path: network.path },
    });
  });
});
