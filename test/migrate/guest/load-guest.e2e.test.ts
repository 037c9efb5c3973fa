import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { loadGuestArguments, provideLoadGuest } from '../../../migrate/src/guest/load-guest.js';
import { QemuProcess } from '../../../migrate/src/qemu/index.js';
import { CACHE_FOLDER } from '../support/guest-under-test.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const FILL_KIB = 30_016;

test('fills its memory with what does not compress, says so, and rewrites it', async () => {
  const { kernel, initrd } = await provideLoadGuest(CACHE_FOLDER);
  const kernelArguments = loadGuestArguments({ fillKib: FILL_KIB, rewriteKibPerSecond: 4000 });
  const directory = await temporaryFolder();
  const boot = { kernel, initrd, kernelArguments };
  const qemu = await QemuProcess.start({ name: 'load', accelerator: 'tcg', memoryMb: 160, directory, boot });
  onTestFinished(async () => void (await qemu.stop()));
  let said: string | undefined;
  for (const deadline = performance.now() + 120_000; said === undefined && performance.now() < deadline; await delay(100))
    said = /\{"guest".*\}/.exec(await readFile(qemu.files.serialLog, 'utf8'))?.[0];
  expect(said).toBe(`{"guest":"ready","filledKib":${FILL_KIB}}`);

  // Pages are sampled twice, some seconds apart.
  await qemu.qmp.execute('calc-dirty-rate', { 'calc-time': 3, 'sample-pages': 4096 });
  let measured: unknown;
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await delay(200)) {
    measured = await qemu.qmp.execute('query-dirty-rate');
    if ((measured as { status: string }).status === 'measured') break;
  }
  const { 'dirty-rate': megabytesPerSecond } = measured as { 'dirty-rate': number };
  expect(megabytesPerSecond).toBeGreaterThan(0);
  expect(megabytesPerSecond).toBeLessThan(40);
});
