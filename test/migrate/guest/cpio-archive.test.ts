import { execFileSync } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CpioWriter, encodeCpioHeader } from '../../../migrate/src/guest/cpio-archive.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** What a newc archive holds, read by its definition. */
function list(archive: Buffer): Array<{ path: string; mode: number; content: string }> {
  const entries = [];
  for (let at = 0; ;) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const field = (index: number) => Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const [mode, size, nameBytes] = [field(1), field(6), field(11)];
    const path = archive.toString('utf8', at + 110, at + 110 + nameBytes - 1);
    const contentAt = Math.ceil((at + 110 + nameBytes) / 4) * 4;
    if (path === 'TRAILER!!!') {
      expect(contentAt).toBe(archive.length);
      return entries;
    }
    entries.push({ path, mode, content: archive.toString('utf8', contentAt, contentAt + size) });
    at = Math.ceil((contentAt + size) / 4) * 4;
  }
}

async function write(path: string): Promise<Buffer> {
  const file = await open(path, 'wx');
  const archive = new CpioWriter(file);
  await archive.folder('proc');
  await archive.file('bin/deep/tool', Buffer.from('five!'), 0o755);
  await archive.file('bin/other', Buffer.from('ü'));
  await archive.end();
  await file.close();
  return readFile(path);
}

test('writes each folder once, before what is in it', async () => {
  const folder = await temporaryFolder();
  const archive = await write(join(folder, 'a.cpio'));
  expect(list(archive)).toEqual([
    { path: 'proc', mode: 0o040755, content: '' },
    { path: 'bin', mode: 0o040755, content: '' },
    { path: 'bin/deep', mode: 0o040755, content: '' },
    { path: 'bin/deep/tool', mode: 0o100755, content: 'five!' },
    { path: 'bin/other', mode: 0o100644, content: 'ü' },
  ]);
  expect(await write(join(folder, 'b.cpio'))).toEqual(archive);
});

test('pads the header with its name to four bytes', () => {
  for (let length = 1; length < 9; length++) expect(encodeCpioHeader('x'.repeat(length), 0o100644, 1, 0).length % 4).toBe(0);
});

test('busybox reads it', async () => {
  const folder = await temporaryFolder();
  const archive = await write(join(folder, 'a.cpio'));
  const output = execFileSync('busybox', ['cpio', '-t'], { input: archive, stdio: ['pipe', 'pipe', 'ignore'] }).toString();
  expect(output.trim().split('\n')).toEqual(['proc', 'bin', 'bin/deep', 'bin/deep/tool', 'bin/other']);
});
