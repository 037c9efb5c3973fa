import { equalBytes, fromHex, toHex, XiaError, type ContentSealer } from 'xia-core';
import type { Manifest, SealedManifest } from './manifest.js';

/** Makes the chunks of one manifest readable, and says whether the whole file is the one that was published. */
export interface Reading {
  /** The plaintext of chunk `index` of what was fetched by its CID. @throws XiaError `refused` when it cannot be opened */
  open(index: number, content: Uint8Array): Uint8Array;
  /** Whether the SHA-256 of the whole file is right. */
  isWhole(digest: Uint8Array): boolean;
}

/**
 * @param manifest from the file `source`
 * @param secretFile where the secret of `sealer` comes from
 * @throws XiaError `usage` when a secret is missing, or given for a file that is not sealed; `bad-key` when it is another one
 */
export function readingOf(
  manifest: Manifest | SealedManifest,
  source: string,
  sealer: ContentSealer | undefined,
  secretFile: string | undefined,
): Reading {
  if (!('sealed' in manifest)) {
    if (sealer !== undefined)
      throw new XiaError('usage', `${source} is not sealed: whoever wrote it knew no secret; leave --secret out to fetch it`);
    const { sha256 } = manifest;
    return { open: (_index, content) => content, isWhole: (digest) => toHex(digest) === sha256 };
  }
  const { sealed, chunks } = manifest;
  if (sealer === undefined)
    throw new XiaError('usage', `${source} is sealed: give --secret with the file of the secret that it was put with`);
  if (toHex(sealer.secretId) !== sealed.secretId) {
    throw new XiaError('bad-key', `${secretFile}: not the secret that ${source} was sealed with`, { file: secretFile, source });
  }
  return {
    open(index, ciphertext) {
      const { dag, seed, tag } = chunks[index] as SealedManifest['chunks'][number];
      const plaintext = sealer.open({ ciphertext, seed: fromHex(seed), tag: fromHex(tag) });
      if (plaintext === undefined) throw new XiaError('refused', `${dag.toString()} was not sealed as ${source} says`);
      return plaintext;
    },
    isWhole: (digest) => equalBytes(sealer.mark(digest), fromHex(sealed.mark)),
  };
}
