import { Xid } from '../xid/index.js';
import { MAX_DAG_EDGES, type ParsedGraph } from './graph.js';
import type { TextFault, Token } from './tokens.js';

interface EdgeList {
  readonly edges: number[];
  readonly positions: number[];
  readonly next: number;
}

/** Reads `edges { XID edges } XID`: the first edges are the source's, the last XID is the sink. */
export function parseDagForm(tokens: readonly Token[], end: number): ParsedGraph | TextFault {
  const xids: Xid[] = [];
  const positions: number[] = [];
  const lists: number[][] = [];
  const listPositions: number[][] = [];
  let at = 1;
  for (;;) {
    const list = readEdgeList(tokens, at, end);
    if ('reason' in list) return list;
    lists.push(list.edges);
    listPositions.push(list.positions);
    const token = tokens[list.next];
    if (token === undefined) {
      return { reason: 'the text ends after an edge list, where an XID must follow', position: end };
    }
    const xid = Xid.tryParse(token.text);
    if (!(xid instanceof Xid)) return { reason: xid.reason, position: token.position };
    xids.push(xid);
    positions.push(token.position);
    at = list.next + 1;
    if (isEnd(tokens, at)) break;
  }
  const [sourceEdges, ...edges] = lists;
  const [sourcePositions, ...edgePositions] = listPositions;
  return {
    xids,
    sourceEdges: sourceEdges!,
    edges: [...edges, []],
    positionOf: (node, slot) =>
      (slot === undefined ? undefined : (node < 0 ? sourcePositions : edgePositions[node])?.[slot]) ??
      positions[node] ??
      tokens[0]!.position,
  };
}

/** The sink is the last word, or the last but a dash that says again that it has no edges. */
function isEnd(tokens: readonly Token[], at: number): boolean {
  return at === tokens.length || (at === tokens.length - 1 && tokens[at]!.text === '-');
}

/** Reads one to four node numbers and the dash, which may be left out only after four. */
function readEdgeList(tokens: readonly Token[], start: number, end: number): EdgeList | TextFault {
  const edges: number[] = [];
  const positions: number[] = [];
  let at = start;
  for (; at < tokens.length && /^\d+$/.test(tokens[at]!.text); at++) {
    if (edges.length === MAX_DAG_EDGES) {
      return { reason: `more than ${MAX_DAG_EDGES} edges`, position: tokens[at]!.position };
    }
    edges.push(Number(tokens[at]!.text));
    positions.push(tokens[at]!.position);
  }
  const token = tokens[at];
  if (token?.text === '-') return { edges, positions, next: at + 1 };
  if (edges.length === MAX_DAG_EDGES) return { edges, positions, next: at };
  return { reason: 'a node number or "-" must follow', position: token?.position ?? end };
}
