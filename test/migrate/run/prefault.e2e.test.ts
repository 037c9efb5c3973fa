import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { QEMU_BINARY, QemuProcess, QmpClient } from '../../../migrate/src/qemu/index.js';
import { prefaultAdvice, prefaultMemory, queryMemdevs } from '../../../migrate/src/run/index.js';
import { endWithTest } from '../support/end-with-test.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const MEMORY_MB = 128;
const MEBIBYTE = 1024 ** 2;

async function residentBytes(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** A machine as an operator starts it, without a memory backend of its own. */
async function plainQemu(...options: string[]): Promise<QmpClient> {
  const path = join(await temporaryFolder(), 'qmp.sock');
  const words = ['-nodefaults', '-display', 'none', '-S', '-m', `${MEMORY_MB}M`, '-qmp', `unix:${path},server=on,wait=off`, ...options];
  const child = spawn(QEMU_BINARY, words, { stdio: 'ignore' });
  endWithTest(child);
  for (const deadline = performance.now() + 20_000; ; await delay(20)) {
    const qmp = await QmpClient.connect({ path }).catch(() => undefined);
    if (qmp !== undefined) {
      onTestFinished(async () => qmp.close());
      return qmp;
    }
    if (performance.now() > deadline) throw new Error('QEMU does not answer');
  }
}

test('-mem-prealloc is seen, and its absence too', async () => {
  const untouched = prefaultAdvice(await queryMemdevs(await plainQemu()));
  expect(untouched).toMatchObject({ isPrefaulted: false, untouchedBytes: MEMORY_MB * MEBIBYTE, ids: ['pc.ram'] });
  expect(prefaultAdvice(await queryMemdevs(await plainQemu('-mem-prealloc')))).toMatchObject({ isPrefaulted: true, untouchedBytes: 0 });
});

test('the memory of a waiting destination is touched on demand', async () => {
  const directory = await temporaryFolder();
  const destination = { name: 'test', accelerator: 'tcg', memoryMb: MEMORY_MB, incoming: true, directory } as const;
  const qemu = await QemuProcess.start(destination);
  onTestFinished(async () => void (await qemu.stop()));
  const before = await residentBytes(qemu.pid);
  const { isPrefaulted, ids } = prefaultAdvice(await queryMemdevs(qemu.qmp));
  expect({ isPrefaulted, ids }).toEqual({ isPrefaulted: false, ids: ['ram0'] });
  await prefaultMemory(qemu.qmp, ids);
  expect((await residentBytes(qemu.pid)) - before).toBeGreaterThan(MEMORY_MB * MEBIBYTE * 0.9);
  expect(prefaultAdvice(await queryMemdevs(qemu.qmp)).isPrefaulted).toBe(true);
  await expect(prefaultMemory(qemu.qmp, ['no-such'])).rejects.toMatchObject({ code: 'qmp-error' });
});
