import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import type * as yamlPackage from 'yaml';
import type { Document, Node } from 'yaml';
import { XiaError } from '../bytes/index.js';

const MAXIMUM_BYTES = 1 << 20;
const MAXIMUM_ISSUES = 10;

type Path = readonly (string | number)[];
type Yaml = typeof yamlPackage;

/** The node of the document that a path ends at, or its nearest ancestor that exists. */
function nodeAt({ isMap, isNode, isScalar, isSeq }: Yaml, document: Document, path: Path, wantKey: boolean): Node | null {
  let node: Node | null = document.contents;
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return node;
      if (wantKey && depth === path.length - 1 && isNode(pair.key)) return pair.key;
      if (!isNode(pair.value)) return isNode(pair.key) ? pair.key : node;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)];
      if (!isNode(item)) return node;
      node = item;
    } else {
      return node;
    }
  }
  return node;
}

function pathText(path: Path): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

function reasonOf(issue: v.BaseIssue<unknown>): { reason: string; wantKey: boolean } {
  if (issue.type === 'strict_object' && issue.expected === 'never') return { reason: 'unknown key', wantKey: true };
  if (issue.received === 'undefined' && issue.type === 'strict_object') return { reason: 'missing', wantKey: false };
  return { reason: issue.message, wantKey: false };
}

/**
 * Parses YAML text and checks it by a schema.
 *
 * @param file only for the messages
 * @throws XiaError `bad-config`, one line `FILE:LINE:COL: path.to.key: reason` for each fault (the first ten)
 */
export async function parseYaml<const Schema extends v.GenericSchema>(
  text: string,
  file: string,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  // Programs without a configuration file start sooner without it.
  const yaml = await import('yaml');
  const lineCounter = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true });
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const fail = (lines: string[]): never => {
    const more = lines.length > MAXIMUM_ISSUES ? [`${file}: and ${lines.length - MAXIMUM_ISSUES} more`] : [];
    throw new XiaError('bad-config', [...lines.slice(0, MAXIMUM_ISSUES), ...more].join('\n'), { file, faults: lines.length });
  };
  if (document.errors.length > 0) fail(document.errors.map((error) => `${place(error.pos[0])}: ${error.message}`));
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return fail([`${file}:1:1: ${(error as Error).message}`]);
  }
  const checked = v.safeParse(schema, value);
  if (checked.success) return checked.output;
  return fail(
    checked.issues.map((issue) => {
      const path = (issue.path ?? []).map((item) => item.key as string | number);
      const { reason, wantKey } = reasonOf(issue);
      const node = nodeAt(yaml, document, path, wantKey);
      const where = pathText(path);
      return `${place(node?.range?.[0] ?? 0)}: ${where === '' ? '' : `${where}: `}${reason}`;
    }),
  );
}

/**
 * The text of a configuration file of at most 1 MiB, for {@link parseYaml}.
 * @throws XiaError `bad-config`
 */
export async function readConfigText(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new XiaError('bad-config', `${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { file }, { cause });
  }
  if (text.length > MAXIMUM_BYTES) throw new XiaError('bad-config', `${file}: larger than 1 MiB`, { file });
  return text;
}

/**
 * Reads and checks a YAML file of at most 1 MiB. Unknown keys are refused when the schema is a `strictObject`.
 * @throws XiaError `bad-config`
 */
export async function loadYaml<const Schema extends v.GenericSchema>(file: string, schema: Schema): Promise<v.InferOutput<Schema>> {
  return parseYaml(await readConfigText(file), file, schema);
}
