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

const manifestSchema = v.strictObject({
  name: v.pipe(v.string(), v.maxLength(1024)),
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** Hex of the whole file's hash: what the chunks put together must have. */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  chunks: v.pipe(
    v.array(v.strictObject({ dag: dagSchema, bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(1)) })),
    v.maxLength(100_000),
  ),
});

/** The chunks that a file was cut into, in order. */
export type Manifest = v.InferOutput<typeof manifestSchema>;

/** @throws XiaError `bad-config` naming the file */
export function parseManifest(text: string, file: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new XiaError('bad-config', `${file}: not a manifest (${(cause as Error).message})`, { file }, { cause });
  }
  const checked = v.safeParse(manifestSchema, json);
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
export function formatManifest(manifest: Manifest): string {
  const chunks = manifest.chunks.map(({ dag, bytes }) => ({ dag: dag.toString(), bytes }));
  return `${JSON.stringify({ ...manifest, chunks }, null, 2)}\n`;
}
