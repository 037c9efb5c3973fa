import { copyBytes, equalBytes, toHex, XiaError } from '../bytes/index.js';
import { isReservedType, principals, type Xid } from '../xid/index.js';
import { canonicalOrder, isGraphFault, MAX_DAG_NODES, type DagNode, type Graph, type GraphFault } from './graph.js';
import { parseText } from './parse.js';
import { dagText, reText } from './print.js';
import type { TextFault } from './tokens.js';
import { readGraph, readNodes, writeNode, writeXid, XIP_NODE_BYTES } from './wire-nodes.js';

/**
 * An XIA address: a directed acyclic graph of XIDs from a virtual source to one sink, the intent. Immutable. Nodes are kept
 * in canonical order, so two DAGs are the same address exactly when their wire bytes are equal.
 */
export class Dag {
  /** The nodes as they go on the wire, 28 bytes each, no edge marked visited. Shared: nobody may write to it. */
  readonly wire: Uint8Array;
  #nodes: readonly DagNode[] | undefined;
  #key: string | undefined;

  private constructor(wire: Uint8Array) {
    this.wire = wire;
  }

  /**
   * Reads an address in either form: `RE ( AD:… ) HID:… SID:…` or `DAG 1 0 - AD:… 1 - HID:…`. White space of any kind
   * separates words, so the multi-line form of the prototype's API is read too.
   * @throws XiaError `bad-dag` with `{text, position, reason}`; `position` counts characters from 0.
   */
  static parse(text: string): Dag {
    const result = Dag.tryParse(text);
    if (result instanceof Dag) return result;
    const { position, reason } = result;
    throw new XiaError('bad-dag', `bad DAG at character ${position}: ${reason}`, { text, position, reason });
  }

  /** As `parse`, with a refusal as a value. */
  static tryParse(text: string): Dag | TextFault {
    const parsed = parseText(text);
    if ('reason' in parsed) return parsed;
    const order = canonicalOrder(parsed);
    if (isGraphFault(order)) {
      return { reason: order.reason, position: parsed.positionOf(order.node, order.slot) };
    }
    return new Dag(writeInOrder(parsed, parsed.xids, order));
  }

  /**
   * The address in `count` wire nodes at `offset`; visited marks are dropped and the bytes copied.
   * @throws XiaError `bad-dag` with `{reason, node}` when they are not a DAG.
   */
  static fromWire(bytes: Uint8Array, offset: number, count: number): Dag {
    const result = Dag.tryFromWire(bytes, offset, count);
    if (result instanceof Dag) return result;
    throw faultError(result);
  }

  /** As `fromWire`, with a refusal as a value. Nodes in another than the canonical order are put in order. */
  static tryFromWire(bytes: Uint8Array, offset: number, count: number): Dag | GraphFault {
    if (count < 1 || count > MAX_DAG_NODES) return { reason: `a DAG has 1 to ${MAX_DAG_NODES} nodes`, node: -1 };
    if (offset < 0 || offset + count * XIP_NODE_BYTES > bytes.length) {
      return { reason: `${count} nodes need more bytes than there are`, node: -1 };
    }
    const graph = readGraph(bytes, offset, count);
    const order = canonicalOrder(graph);
    if (isGraphFault(order)) return order;
    const wire = copyBytes(bytes, offset, count * XIP_NODE_BYTES);
    const nodes = readNodes(wire);
    const fault = reservedTypeFault(nodes);
    if (fault !== undefined) return fault;
    if (order.every((old, index) => old === index)) {
      // The usual case: only the visited marks have to go.
      for (const [i, node] of nodes.entries()) writeNode(wire, i * XIP_NODE_BYTES, node.xid, node.edges);
      return new Dag(wire);
    }
    return new Dag(
      writeInOrder(
        graph,
        nodes.map((node) => node.xid),
        order,
      ),
    );
  }

  /**
   * An address from its graph, in any order: edges are indices into `nodes`, and the one node without edges is the sink.
   * @throws XiaError `bad-dag` with `{reason, node}` when the graph is not a DAG with one source and one sink.
   */
  static build(sourceEdges: readonly number[], nodes: readonly DagNode[]): Dag {
    const graph: Graph = { sourceEdges, edges: nodes.map((node) => node.edges) };
    const order = canonicalOrder(graph);
    if (isGraphFault(order)) throw faultError(order);
    const fault = reservedTypeFault(nodes);
    if (fault !== undefined) throw faultError(fault);
    return new Dag(
      writeInOrder(
        graph,
        nodes.map((node) => node.xid),
        order,
      ),
    );
  }

  /** The same graph with another sink. @throws XiaError `bad-dag` for a reserved type. */
  withIntent(xid: Xid): Dag {
    const last = this.wire.length - XIP_NODE_BYTES;
    if (isReservedType(xid.type)) throw faultError({ reason: reservedReason(xid.type), node: last / XIP_NODE_BYTES });
    // The canonical order depends on the graph alone, so it stays.
    const wire = copyBytes(this.wire);
    writeXid(wire, last, xid);
    return new Dag(wire);
  }

  /** The nodes in canonical order, the sink last; its edges are the source's. */
  get nodes(): readonly DagNode[] {
    return (this.#nodes ??= readNodes(this.wire));
  }

  /** How many nodes there are. */
  get count(): number {
    return this.wire.length / XIP_NODE_BYTES;
  }

  /** The XID that the address is about: its sink. */
  get intent(): Xid {
    return this.nodes[this.nodes.length - 1]!.xid;
  }

  /** The first XID of a principal type in canonical order. */
  find(type: number): Xid | undefined {
    return this.nodes.find((node) => node.xid.type === type)?.xid;
  }

  /** The canonical text: the `RE` form where the graph has one, else the `DAG` form. */
  toString(): string {
    return this.toReText() ?? this.toDagText();
  }

  toJSON(): string {
    return this.toString();
  }

  /** The `RE` form, or null when the graph has none. */
  toReText(): string | null {
    return reText(this.nodes);
  }

  /** The `DAG` form on one line. */
  toDagText(): string {
    return dagText(this.nodes);
  }

  equals(other: Dag): boolean {
    return this === other || equalBytes(this.wire, other.wire);
  }

  /** A string that is equal exactly for equal addresses, to key a Map away from the packet path. */
  get key(): string {
    return (this.#key ??= toHex(this.wire));
  }
}

/** A node of a reserved type could be written as text that nobody reads again, so no DAG has one. */
function reservedTypeFault(nodes: readonly DagNode[]): GraphFault | undefined {
  const node = nodes.findIndex(({ xid }) => isReservedType(xid.type));
  if (node < 0) return undefined;
  return { reason: reservedReason(nodes[node]!.xid.type), node };
}

function reservedReason(type: number): string {
  return `the principal type ${principals.name(type)} is reserved`;
}

function faultError(fault: GraphFault): XiaError {
  const where = fault.node < 0 ? 'source' : `node ${fault.node}`;
  return new XiaError('bad-dag', `bad DAG at ${where}: ${fault.reason}`, { ...fault });
}

/** The wire bytes of a graph whose nodes are numbered anew by `order`. */
function writeInOrder(graph: Graph, xids: readonly Xid[], order: readonly number[]): Uint8Array {
  const renumbered: number[] = Array.from({ length: order.length });
  for (const [index, old] of order.entries()) renumbered[old] = index;
  const wire = new Uint8Array(order.length * XIP_NODE_BYTES);
  for (const [index, old] of order.entries()) {
    const isSink = index === order.length - 1;
    const edges = (isSink ? graph.sourceEdges : graph.edges[old]!).map((to) => renumbered[to]!);
    writeNode(wire, index * XIP_NODE_BYTES, xids[old]!, edges);
  }
  return wire;
}
