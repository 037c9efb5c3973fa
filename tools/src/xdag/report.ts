import { Dag, toHex, XIP_NODE_BYTES } from 'xia-core';

/** What is printed about one address, and whether it was one. */
export interface DagReport {
  readonly accepted: boolean;
  readonly text: string;
}

/** One line of JSON: `{re, dag, wire}`, `re` null when the graph has no such form, or `{error: {position, reason}, text}`. */
export function reportJson(text: string): DagReport {
  const dag = Dag.tryParse(text);
  if (!(dag instanceof Dag)) {
    return { accepted: false, text: JSON.stringify({ error: { code: 'bad-dag', ...dag }, text }) };
  }
  const { wire } = dag;
  return { accepted: true, text: JSON.stringify({ re: dag.toReText(), dag: dag.toDagText(), wire: toHex(wire) }) };
}

/** Both forms and a line for each wire node; or the reason, with a mark under the place in the text. */
export function reportPlain(text: string): DagReport {
  const dag = Dag.tryParse(text);
  if (!(dag instanceof Dag)) {
    const mark = `${' '.repeat(dag.position)}^`;
    const shown = text.replaceAll(/\s/g, ' ');
    return { accepted: false, text: `bad DAG at character ${dag.position}: ${dag.reason}\n  ${shown}\n  ${mark}` };
  }
  const lines = [dag.toReText() ?? '(no RE form)', dag.toDagText()];
  for (let at = 0; at < dag.wire.length; at += XIP_NODE_BYTES) {
    lines.push(`  ${toHex(dag.wire.subarray(at, at + XIP_NODE_BYTES))}`);
  }
  return { accepted: true, text: lines.join('\n') };
}
