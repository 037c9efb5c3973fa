import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bundleGuest } from '../../../migrate/src/guest/bundle-guest.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const alias = { 'xia-core': fileURLToPath(new URL('../../../xia-core/src/index.ts', import.meta.url)) };

test('a bundle of the whole of xia-core runs where there are no packages', async () => {
  const folder = await temporaryFolder();
  const entry = join(folder, 'entry.ts');
  await writeFile(entry, "import * as core from 'xia-core';\nconsole.log(Object.keys(core).includes('XiaError'));\n");
  const outFile = join(folder, 'main.mjs');
  await bundleGuest({ entry, outFile, alias });
  expect(execFileSync(process.execPath, [outFile], { cwd: folder }).toString()).toBe('true\n');
});

test('says where the source is wrong', async () => {
  const folder = await temporaryFolder();
  const entry = join(folder, 'entry.ts');
  await writeFile(entry, "import { nothing } from './missing.js';\nconsole.log(nothing);\n");
  await expect(bundleGuest({ entry, outFile: join(folder, 'out.mjs') })).rejects.toMatchObject({
    code: 'guest-build-failed',
    message: expect.stringContaining('entry.ts:1'),
  });
});
