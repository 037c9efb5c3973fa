import { Xid } from '../xid/index.js';
import type { ParsedGraph } from './graph.js';
import type { TextFault, Token } from './tokens.js';

/**
 * Reads `{ [ "(" XID+ ")" ] XID }+`. Before a primary node P, `( f1 … fk )` gives the node before it the edges [P, f1], each
 * fi [P, f(i+1)], and fk [P]: every fallback node tries P first.
 */
export function parseReForm(tokens: readonly Token[], end: number): ParsedGraph | TextFault {
  const xids: Xid[] = [];
  const positions: number[] = [];
  const edges: number[][] = [];
  const sourceEdges: number[] = [];
  let before = sourceEdges;
  /** Edge lists of the fallback nodes that wait for their primary node; undefined outside of parentheses. */
  let group: number[][] | undefined;
  let groupPosition = 0;
  let closed = true;

  for (const token of tokens.slice(1)) {
    if (token.text === '(') {
      if (group !== undefined) return { reason: 'a "(" before the fallback path before it is done', position: token.position };
      group = [];
      groupPosition = token.position;
      closed = false;
      continue;
    }
    if (token.text === ')') {
      if (closed) return { reason: 'a ")" without "("', position: token.position };
      if (group!.length === 0) return { reason: 'an empty fallback path', position: token.position };
      closed = true;
      continue;
    }
    const xid = Xid.tryParse(token.text);
    if (!(xid instanceof Xid)) return { reason: xid.reason, position: token.position };
    const list: number[] = [];
    const index = xids.length;
    xids.push(xid);
    positions.push(token.position);
    edges.push(list);
    if (!closed) {
      group!.push(list);
      continue;
    }
    before.push(index);
    if (group !== undefined) linkFallback(before, group, index);
    group = undefined;
    before = list;
  }
  if (!closed) return { reason: 'a "(" without ")"', position: groupPosition };
  if (group !== undefined) return { reason: 'a fallback path without the XID that it protects', position: end };
  if (xids.length === 0) return { reason: 'an XID must follow', position: end };
  return { xids, sourceEdges, edges, positionOf: (node) => positions[node] ?? tokens[0]!.position };
}

/** Links the fallback nodes numbered just before `primary` behind it. */
function linkFallback(before: number[], group: readonly number[][], primary: number): void {
  const first = primary - group.length;
  before.push(first);
  for (const [i, list] of group.entries()) {
    list.push(primary);
    if (i + 1 < group.length) list.push(first + i + 1);
  }
}
