import { readFileSync } from 'node:fs';

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8').split('\n');

/** A text that was given to the Click parser of the prototype, and what it made of it. */
export interface ClickVector {
  text: string;
  outcome: 'valid' | 'invalid' | 'parse-fail';
  /** Hexadecimal wire nodes. */
  nodes: string[];
  /** Canonical texts: RE if there is one, and DAG. */
  canonical: string;
  dag: string;
}

/** A text that was given to the C++ address library of the prototype. */
export interface LibraryVector {
  text: string;
  crashed: boolean;
  /** The multi-line text that the library printed. */
  printed: string;
}

const lines = read('dag.txt');
const libraryStart = lines.findIndex((line) => line.includes('C++ dagaddr library'));
const inBrackets = (line: string) => line.slice(line.indexOf('[') + 1, line.lastIndexOf(']'));

export const clickVectors: ClickVector[] = [];
for (const line of lines.slice(0, libraryStart)) {
  const vector = clickVectors.at(-1);
  if (line.startsWith('IN  [')) {
    clickVectors.push({ text: inBrackets(line), outcome: 'parse-fail', nodes: [], canonical: '', dag: '' });
  } else if (vector === undefined) {
    continue;
  } else if (line.startsWith('  valid=')) {
    vector.outcome = line.startsWith('  valid=1') ? 'valid' : 'invalid';
  } else if (/^ {3}n\d+ /.test(line)) {
    vector.nodes.push(line.split(': ')[1]!);
  } else if (line.startsWith('  OUT [')) {
    vector.canonical = inBrackets(line);
  } else if (line.startsWith('  DAG [')) {
    vector.dag = `DAG ${inBrackets(line)}`;
  }
}

export const libraryVectors: LibraryVector[] = [];
for (const line of lines.slice(libraryStart + 1)) {
  if (line.startsWith('IN ')) libraryVectors.push({ text: line.slice(3), crashed: false, printed: '' });
  const vector = libraryVectors.at(-1);
  if (line.startsWith(' dagstr=')) vector!.printed = line.slice(8).replaceAll('\\n', '\n');
  if (line.startsWith('  (library crashed')) vector!.crashed = true;
}

/** Hexadecimal headers by the words before their length: `TRN DGRAM`, `CID REQ`, `XIP`. */
export const headerVectors = new Map<string, string>();
for (const line of lines.slice(0, libraryStart)) {
  const match = /^((?:TRN|CID|XIP)[^(]*) \(\d+\): ([0-9a-f]+)$/.exec(line);
  if (match !== null) headerVectors.set(match[1]!, match[2]!);
}

/** Whole Ethernet frames by name. */
export const frames = new Map<string, Uint8Array>();
let name = '';
for (const line of read('frames.txt')) {
  if (line.startsWith('## ')) name = line.slice(3).split(' ')[0]!;
  if (/^[0-9a-f]{28,}$/.test(line)) frames.set(name, new Uint8Array(Buffer.from(line, 'hex')));
}
