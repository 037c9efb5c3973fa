import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { probeAccelerator, provideProbeGuest } from '../../../migrate/src/guest/probe-guest.js';
import { CACHE_FOLDER } from '../support/guest-under-test.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('decides once between KVM and TCG, and says why', { timeout: 60_000 }, async () => {
  // A cache of its own for the answer, with the kernel of the common one.
  const cacheDir = await temporaryFolder();
  await mkdir(CACHE_FOLDER, { recursive: true });
  await provideProbeGuest(CACHE_FOLDER);
  await symlink(join(CACHE_FOLDER, 'kernel'), join(cacheDir, 'kernel'));
  const choice = await probeAccelerator(cacheDir);
  expect(['tcg', 'kvm']).toContain(choice.accelerator);
  expect(choice.reason).toMatch(choice.accelerator === 'kvm' ? /^KVM is used/ : /^KVM is not used: ./);
  const againMs = performance.now();
  expect(await probeAccelerator(cacheDir)).toEqual(choice);
  expect(performance.now() - againMs).toBeLessThan(2_000);
});
