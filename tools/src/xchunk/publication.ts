import { createHash } from 'node:crypto';
import { toHex, type ContentSealer, type Dag } from 'xia-core';
import type { Manifest, SealedManifest } from './manifest.js';

/** Publishes the bytes of one chunk and tells where they are. */
type Publish = (bytes: Uint8Array) => Dag;

/** Cuts a file into chunks, seals them if there is a sealer, and publishes them. An empty file has none. */
export function publishFile(
  name: string,
  content: Uint8Array,
  chunkBytes: number,
  sealer: ContentSealer | undefined,
  publish: Publish,
): Manifest | SealedManifest {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += chunkBytes) pieces.push(content.subarray(at, at + chunkBytes));
  const digest = createHash('sha256').update(content).digest();
  const bytes = content.length;
  if (sealer === undefined) {
    return { name, bytes, sha256: toHex(digest), chunks: pieces.map((piece) => ({ dag: publish(piece), bytes: piece.length })) };
  }
  const chunks = pieces.map((piece) => {
    const { ciphertext, seed, tag } = sealer.seal(piece);
    return { dag: publish(ciphertext), bytes: piece.length, seed: toHex(seed), tag: toHex(tag) };
  });
  return { name, bytes, sealed: { secretId: toHex(sealer.secretId), mark: toHex(sealer.mark(digest)) }, chunks };
}
