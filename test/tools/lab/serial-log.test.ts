import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SerialLog } from '../../../tools/src/lab/serial-log.js';

let folder = '';
let file = '';
const signal = new AbortController().signal;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serial-'));
  file = join(folder, 'serial.log');
});
afterEach(async () => rm(folder, { recursive: true }));

describe('SerialLog', () => {
  it('finds events between the words of the kernel, also when they come in pieces', async () => {
    const serial = new SerialLog(file);
    expect(await serial.events()).toEqual([]);
    await appendFile(file, 'Booting...\r\n{"guest":"started","node":"v20"}\r\n{"guest":"atta');
    expect(await serial.events()).toEqual([{ guest: 'started', node: 'v20' }]);
    const waiting = serial.waitFor('attached', { timeoutMs: 5000, signal });
    await appendFile(file, 'ched","dag":"RE"}\n');
    expect(await waiting).toEqual({ guest: 'attached', dag: 'RE' });
  });

  it('says what the guest died of, or how far it came', async () => {
    await appendFile(file, '{"guest":"failed","error":"no key"}\n');
    await expect(new SerialLog(file).waitFor('ready', { timeoutMs: 5000, signal })).rejects.toMatchObject({
      code: 'guest-failed',
      message: /no key/,
    });
    await rm(file);
    await appendFile(file, 'Kernel panic - not syncing\n');
    await expect(new SerialLog(file).waitFor('ready', { timeoutMs: 30, signal })).rejects.toMatchObject({
      code: 'timeout',
      message: /Kernel panic/,
    });
  });

  it('takes a broken line for no event', async () => {
    await appendFile(file, '{"guest":"sta\n{"guest":"started"}\n');
    expect(await new SerialLog(file).events()).toEqual([{ guest: 'started' }]);
  });
});
