import { readFile } from 'node:fs/promises';
import { XiaError } from 'xia-core';

/** The statement in a file of an AD's certificate, base64. @throws XiaError `bad-key` when it cannot be read */
export async function readCertificate(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new XiaError('bad-key', `${file}: the AD's certificate cannot be read`, { file }, { cause });
  }
}

/** The statement's bytes. */
export function certificateBytes(base64: string): Uint8Array {
  return Buffer.from(base64, 'base64');
}
