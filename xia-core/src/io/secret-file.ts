import { randomBytes } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fromHex, XiaError } from '../bytes/index.js';

const SECRET_BYTES = 32;
const SECRET_TEXT = /^[0-9a-f]{64}\n?$/;
const OTHERS = 0o077;
const MOST_TEXT_BYTES = 1024;

/**
 * Reads the secret of an owner of sealed content: 64 hex digits in a file that nobody else may read.
 * @returns 32 bytes
 * @throws XiaError `bad-key` when the file is missing, open to others, or holds something else
 */
export async function loadSecret(file: string): Promise<Uint8Array> {
  let text: string;
  let mode: number;
  try {
    await using handle = await open(file);
    ({ mode } = await handle.stat());
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_TEXT_BYTES), 0, MOST_TEXT_BYTES, 0);
    text = buffer.toString('latin1', 0, bytesRead);
  } catch (cause) {
    throw new XiaError('bad-key', `${file}: cannot be read`, { file }, { cause });
  }
  if ((mode & OTHERS) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    throw new XiaError('bad-key', `${file}: a secret that others may read (mode ${octal}): chmod 600 it`, { file });
  }
  if (!SECRET_TEXT.test(text)) throw new XiaError('bad-key', `${file}: not a secret: ${2 * SECRET_BYTES} hex digits`, { file });
  return fromHex(text.trimEnd());
}

/**
 * Reads a secret as `loadSecret`, or makes a random one and keeps it there, readable by its owner only, when the file does not exist.
 * @throws XiaError `bad-key`
 */
export async function loadOrCreateSecret(file: string): Promise<Uint8Array> {
  const secret = randomBytes(SECRET_BYTES);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${secret.toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
    return secret;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return loadSecret(file);
    throw new XiaError('bad-key', `${file}: cannot be written`, { file }, { cause });
  }
}
