import { equalBytes } from '../bytes/index.js';
import { MAX_DAG_EDGES, MAX_DAG_NODES, NO_EDGE, XIP_NODE_BYTES } from '../dag/index.js';
import { PrincipalType, XID_ID_BYTES } from '../xid/index.js';

const ID_OFFSET = 4;
const EDGES_OFFSET = 24;

/** Where a host is, and the ADs that it has left: ids of 20 bytes. */
export interface Place {
  readonly ad: Uint8Array;
  readonly left: readonly Uint8Array[];
}

/** Which nodes lead to the one that is looked at; the graphs of addresses are small, and looked at one after the other. */
const leads = new Uint8Array(MAX_DAG_NODES);

/**
 * Writes the present AD of a host over each AD that it has left, where that is on the way to it.
 * @param bytes has the nodes of an address in canonical order, from `start` on
 * @param node index of the host's HID among them
 * @returns whether anything was written
 */
export function readdress(bytes: Uint8Array, start: number, node: number, { ad, left }: Place): boolean {
  let changed = false;
  leads[node] = 1;
  for (let index = node - 1; index >= 0; index--) {
    const at = start + index * XIP_NODE_BYTES;
    leads[index] = leadsToOne(bytes, at + EDGES_OFFSET, index, node) ? 1 : 0;
    if (leads[index] === 0 || typeAt(bytes, at) !== PrincipalType.AD) continue;
    const id = bytes.subarray(at + ID_OFFSET, at + ID_OFFSET + XID_ID_BYTES);
    if (!left.some((gone) => equalBytes(gone, id))) continue;
    bytes.set(ad, at + ID_OFFSET);
    changed = true;
  }
  return changed;
}

/** In canonical order every edge leads to a later node. */
function leadsToOne(bytes: Uint8Array, edges: number, index: number, node: number): boolean {
  for (let slot = 0; slot < MAX_DAG_EDGES; slot++) {
    const to = bytes[edges + slot]! & NO_EDGE;
    if (to > index && to <= node && leads[to] === 1) return true;
  }
  return false;
}

function typeAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
