import * as v from 'valibot';
import { Dag, PrincipalType, XiaError } from 'xia-core';

/** Bytes in a chunk unless another size is asked for. */
export const DEFAULT_CHUNK_BYTES = 1 << 20;

const dagSchema = v.pipe(
  v.string(),
  v.rawTransform<string, Dag>(({ dataset, addIssue, NEVER }) => {
    try {
      const dag = Dag.parse(dataset.value);
      if (dag.intent.type === PrincipalType.CID) return dag;
      addIssue({ message: 'not the address of a chunk' });
    } catch (error) {
      addIssue({ message: (error as Error).message });
    }
    return NEVER;
  }),
);

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hex = (bytes: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `not ${2 * bytes} hex digits`));
const chunkFields = { dag: dagSchema, bytes: v.pipe(count, v.minValue(1)) };
const MOST_CHUNKS = 100_000;

const clearSchema = v.strictObject({
  name: v.pipe(v.string(), v.maxLength(1024)),
  bytes: count,
  /** Of the whole file: what the chunks put together must have. */
  sha256: hex(32),
  chunks: v.pipe(v.array(v.strictObject(chunkFields)), v.maxLength(MOST_CHUNKS)),
});

const sealedSchema = v.strictObject({
  ...v.omit(clearSchema, ['sha256', 'chunks']).entries,
  sealed: v.strictObject({
    /** Of the secret that it takes. */
    secretId: hex(8),
    /** `ContentSealer.mark` of the SHA-256 of the whole file; the hash itself would confirm a guess. */
    mark: hex(32),
  }),
  chunks: v.pipe(v.array(v.strictObject({ ...chunkFields, seed: hex(32), tag: hex(16) })), v.maxLength(MOST_CHUNKS)),
});

/** The chunks that a file was cut into, in order. */
export type Manifest = v.InferOutput<typeof clearSchema>;

/** The chunks of a file that only the holders of a secret can open, and what that takes beside the secret. */
export type SealedManifest = v.InferOutput<typeof sealedSchema>;

/** @throws XiaError `bad-config` naming the file */
export function parseManifest(text: string, file: string): Manifest | SealedManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new XiaError('bad-config', `${file}: not a manifest (${(cause as Error).message})`, { file }, { cause });
  }
  const isSealed = typeof json === 'object' && json !== null && 'sealed' in json;
  const checked = v.safeParse(isSealed ? sealedSchema : clearSchema, json);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw new XiaError('bad-config', `${file}: ${v.getDotPath(issue) ?? 'manifest'}: ${issue.message}`, { file });
  }
  const total = checked.output.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
  if (total !== checked.output.bytes) {
    throw new XiaError('bad-config', `${file}: bytes: the chunks have ${total} bytes together, not ${checked.output.bytes}`, { file });
  }
  return checked.output;
}

/** The text that `parseManifest` reads. */
export function formatManifest(manifest: Manifest | SealedManifest): string {
  return `${JSON.stringify(manifestJson(manifest), null, 2)}\n`;
}

/** The manifest with its addresses as text. */
export function manifestJson(manifest: Manifest | SealedManifest): object {
  return { ...manifest, chunks: manifest.chunks.map((chunk) => ({ ...chunk, dag: chunk.dag.toString() })) };
}
