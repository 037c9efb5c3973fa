import type { ParsedGraph } from './graph.js';
import { parseDagForm } from './parse-dag.js';
import { parseReForm } from './parse-re.js';
import { tokenize, type TextFault } from './tokens.js';

/** The longest text that is looked at: 127 nodes with four edges each need less. */
const MAX_TEXT_CHARACTERS = 16_384;

/** Reads both forms, `DAG …` and `RE …`. */
export function parseText(text: string): ParsedGraph | TextFault {
  if (text.length > MAX_TEXT_CHARACTERS) {
    return { reason: `longer than ${MAX_TEXT_CHARACTERS} characters`, position: MAX_TEXT_CHARACTERS };
  }
  const tokens = tokenize(text);
  const form = tokens[0];
  if (form?.text === 'DAG') return parseDagForm(tokens, text.length);
  if (form?.text === 'RE') return parseReForm(tokens, text.length);
  return { reason: 'a DAG begins with the word "RE" or "DAG"', position: form?.position ?? 0 };
}
