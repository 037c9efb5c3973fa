import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadOrCreateSecret, loadSecret } from '../../../xia-core/src/io/index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xia-secret-'));
});
afterEach(async () => rm(folder, { recursive: true }));

const badKey = (message: string) => expect.objectContaining({ code: 'bad-key', message: expect.stringContaining(message) });

describe('a secret file', () => {
  it('is made once, for its owner only', async () => {
    const file = join(folder, 'deep', 'secret');
    const secret = await loadOrCreateSecret(file);
    expect(secret.length).toBe(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(Buffer.compare(await loadOrCreateSecret(file), secret)).toBe(0);
    expect(Buffer.compare(await loadSecret(file), secret)).toBe(0);
    expect(await readFile(file, 'latin1')).toBe(`${Buffer.from(secret).toString('hex')}\n`);
  });

  it('is refused when others may read it, when it is missing, and when it is no secret', async () => {
    const file = join(folder, 'secret');
    await expect(loadSecret(file)).rejects.toThrow(badKey('cannot be read'));
    await loadOrCreateSecret(file);
    await chmod(file, 0o640);
    await expect(loadSecret(file)).rejects.toThrow(badKey('mode 0640'));
    await expect(loadOrCreateSecret(file)).rejects.toThrow(badKey('mode 0640'));
    for (const text of ['', 'ab'.repeat(31), 'AB'.repeat(32), `${'ab'.repeat(32)}\n\n`, 'x'.repeat(4000)]) {
      await writeFile(file, text);
      await chmod(file, 0o600);
      await expect(loadSecret(file), text).rejects.toThrow(badKey('not a secret'));
    }
  });
});
