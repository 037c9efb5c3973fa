import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, constants, createWriteStream, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openVmInput, type VmInput } from '../../../migrate/src/xmigrate/vm-input.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'vm-input-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = randomBytes(1_500_000);
const sumOf = (whole: Uint8Array) => createHash('sha256').update(whole).digest('hex');

/** Reads to the end, pausing for a while after each piece. */
async function drain(input: VmInput): Promise<{ sum: string; whilePaused: number }> {
  const hash = createHash('sha256');
  let paused = true;
  let whilePaused = 0;
  return new Promise((resolve, reject) => {
    const goOn = () => {
      paused = false;
      input.resume();
    };
    input.on('data', (piece) => {
      if (paused) whilePaused++;
      hash.update(piece);
      paused = true;
      input.pause();
      setImmediate(goOn);
    });
    input.on('end', () => resolve({ sum: hash.digest('hex'), whilePaused }));
    input.on('error', reject);
    setTimeout(goOn, 20);
  });
}

it('reads a file, and nothing while it is paused', async () => {
  const file = join(folder, 'stream');
  writeFileSync(file, bytes);
  const fd = openSync(file, 'r');
  expect(await drain(openVmInput(fd))).toEqual({ sum: sumOf(bytes), whilePaused: 0 });
  closeSync(fd);
});

it('reads a pipe, and nothing while it is paused', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  // Both ends at once, because opening one alone waits for the other.
  const fd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const input = openVmInput(fd);
  createWriteStream(pipe).end(bytes);
  expect(await drain(input)).toEqual({ sum: sumOf(bytes), whilePaused: 0 });
});

it('tells when it cannot read', async () => {
  const fd = openSync(join(folder, 'stream'), 'w');
  await expect(drain(openVmInput(fd))).rejects.toMatchObject({ code: 'EBADF' });
  closeSync(fd);
});
