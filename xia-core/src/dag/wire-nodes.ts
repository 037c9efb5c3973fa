import { readU32BE, writeU32BE } from '../bytes/index.js';
import { Xid, XID_ID_BYTES } from '../xid/index.js';
import type { DagNode, Graph } from './graph.js';
import { MAX_DAG_EDGES } from './graph.js';

/** Bytes of a node on the wire: type (4, network order), id (20), edges (4). */
export const XIP_NODE_BYTES = 28;
/** An edge slot that is not used. */
export const NO_EDGE = 0x7f;
/** Set in an edge slot when the packet went that way. */
export const EDGE_VISITED = 0x80;

const EDGES_OFFSET = 4 + XID_ID_BYTES;

/** Writes one node, its edges unvisited. */
export function writeNode(target: Uint8Array, offset: number, xid: Xid, edges: readonly number[]): void {
  writeXid(target, offset, xid);
  for (let slot = 0; slot < MAX_DAG_EDGES; slot++) target[offset + EDGES_OFFSET + slot] = edges[slot] ?? NO_EDGE;
}

/** Writes the XID of a node. */
export function writeXid(target: Uint8Array, offset: number, xid: Xid): void {
  writeU32BE(target, offset, xid.type);
  target.set(xid.id, offset + 4);
}

/** The XID of a node. It shares the memory of `bytes`. */
export function readXid(bytes: Uint8Array, offset: number): Xid {
  return new Xid(readU32BE(bytes, offset), bytes.subarray(offset + 4, offset + EDGES_OFFSET));
}

/** The edges of a node; a used slot after an unused one comes out as `NO_EDGE` before it, an index no graph has. */
function readEdges(bytes: Uint8Array, offset: number): number[] {
  const at = offset + EDGES_OFFSET;
  let used = MAX_DAG_EDGES;
  while (used > 0 && (bytes[at + used - 1]! & NO_EDGE) === NO_EDGE) used--;
  const edges: number[] = [];
  for (let slot = 0; slot < used; slot++) edges.push(bytes[at + slot]! & NO_EDGE);
  return edges;
}

/** The nodes of a DAG whose wire form is `wire`; XIDs share its memory. */
export function readNodes(wire: Uint8Array): readonly DagNode[] {
  const nodes: DagNode[] = [];
  for (let at = 0; at < wire.length; at += XIP_NODE_BYTES) {
    nodes.push({ xid: readXid(wire, at), edges: readEdges(wire, at) });
  }
  return nodes;
}

/** The graph of `count` wire nodes: the last one is the sink and holds the edges of the source. */
export function readGraph(bytes: Uint8Array, offset: number, count: number): Graph {
  const edges: number[][] = [];
  for (let i = 0; i < count - 1; i++) edges.push(readEdges(bytes, offset + i * XIP_NODE_BYTES));
  edges.push([]);
  return { sourceEdges: readEdges(bytes, offset + (count - 1) * XIP_NODE_BYTES), edges };
}
