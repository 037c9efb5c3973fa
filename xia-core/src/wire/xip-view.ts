import { readU16BE, readU32BE } from '../bytes/index.js';
import { Dag, EDGE_VISITED, MAX_DAG_EDGES, MAX_DAG_NODES, NO_EDGE, XIP_NODE_BYTES } from '../dag/index.js';
import { uncountedBytes, XIP_HEADER_BYTES, XIP_VERSION } from './xip.js';

/** Why a packet is not looked at further; also the names of the drop counters. */
export const xipFaults = {
  short: 'fewer bytes than the fixed header',
  version: 'not version 1',
  count: 'no destination node, or more nodes than an index can name',
  header: 'fewer bytes than the nodes need',
  length: 'the payload length disagrees with what arrived',
  edge: 'an edge names a node that is not there',
  last: 'the last visited node is not a node of the destination',
} as const;
export type XipFault = keyof typeof xipFaults;

/** Ethernet pads a shorter payload with bytes that belong to nobody; only then may more arrive than the header says. */
const ETHERNET_MIN_PAYLOAD_BYTES = 46;
/** The prototype writes -1 as 0xff, or as the unused edge index without the visited bit. */
const LAST_NONE = 0xff;
const LAST_NONE_TOO = 0x7e;

const EMPTY = new Uint8Array(0);

/**
 * A packet where it lies: `reset` checks the whole header once, without allocating, and after it returned undefined the
 * accessors cannot fail. One view serves any number of packets one after the other. Node indices are 0 to d-1 for the
 * destination and d to d+s-1 for the source.
 */
export class XipView {
  bytes: Uint8Array = EMPTY;
  nextHeader = 0;
  /** The length field. A chunk response counts its data only, so see `payloadBytes` for what follows the nodes. */
  payloadLength = 0;
  hopLimit = 0;
  destinationCount = 0;
  sourceCount = 0;
  /** Index of the destination node reached last, -1 at the start. */
  last = -1;
  /** Bytes before the payload. */
  headerBytes = 0;
  /** Bytes of the payload, with the body. */
  payloadBytes = 0;

  /** Bytes of the packet; less than `bytes.length` only where Ethernet padded it. */
  get packetBytes(): number {
    return this.headerBytes + this.payloadBytes;
  }

  /**
   * Looks at the packet that is all of `bytes`. After a fault the view must not be used.
   * @param bodyBytes how many bytes of the payload follow elsewhere (see `Face.send`); the view does not touch them
   */
  reset(bytes: Uint8Array, bodyBytes = 0): XipFault | undefined {
    const fault = this.resetQuoted(bytes);
    if (fault !== undefined) return fault;
    this.payloadBytes += bodyBytes;
    const expected = this.payloadLength + uncountedBytes(bytes, this.nextHeader, this.headerBytes);
    const arrived = this.payloadBytes;
    if (expected > arrived) return 'length';
    if (expected < arrived && (bodyBytes > 0 || bytes.length > ETHERNET_MIN_PAYLOAD_BYTES)) return 'length';
    this.payloadBytes = expected;
    return undefined;
  }

  /** As `reset` for the start of a packet, such as an error message quotes: the payload is what is there. */
  resetQuoted(bytes: Uint8Array): XipFault | undefined {
    if (bytes.length < XIP_HEADER_BYTES) return 'short';
    if (bytes[0] !== XIP_VERSION) return 'version';
    const destinationCount = bytes[5]!;
    const sourceCount = bytes[6]!;
    if (destinationCount < 1 || destinationCount > MAX_DAG_NODES || sourceCount > MAX_DAG_NODES) return 'count';
    const headerBytes = XIP_HEADER_BYTES + XIP_NODE_BYTES * (destinationCount + sourceCount);
    if (headerBytes > bytes.length) return 'header';
    let last = bytes[7]!;
    if (last === LAST_NONE || last === LAST_NONE_TOO) last = -1;
    else if (last >= destinationCount) return 'last';
    const sourceStart = XIP_HEADER_BYTES + XIP_NODE_BYTES * destinationCount;
    if (!edgesAreInside(bytes, XIP_HEADER_BYTES, sourceStart, destinationCount)) return 'edge';
    if (!edgesAreInside(bytes, sourceStart, headerBytes, sourceCount)) return 'edge';
    this.bytes = bytes;
    this.nextHeader = bytes[1]!;
    this.payloadLength = readU16BE(bytes, 2);
    this.hopLimit = bytes[4]!;
    this.destinationCount = destinationCount;
    this.sourceCount = sourceCount;
    this.last = last;
    this.headerBytes = headerBytes;
    this.payloadBytes = bytes.length - headerBytes;
    return undefined;
  }

  /** The payload in place, not copied, without the body. */
  payload(): Uint8Array {
    return this.bytes.subarray(this.headerBytes, this.headerBytes + this.payloadBytes);
  }

  /** @throws XiaError `bad-dag` when the nodes are not a DAG (a cycle, two sinks). */
  destinationDag(): Dag {
    return Dag.fromWire(this.bytes, XIP_HEADER_BYTES, this.destinationCount);
  }

  /** @throws XiaError `bad-dag` when there is no source node or the nodes are not a DAG. */
  sourceDag(): Dag {
    return Dag.fromWire(this.bytes, this.#nodeOffset(this.destinationCount), this.sourceCount);
  }

  /** The destination, or undefined when the nodes are not a DAG. */
  tryDestinationDag(): Dag | undefined {
    const dag = Dag.tryFromWire(this.bytes, XIP_HEADER_BYTES, this.destinationCount);
    return dag instanceof Dag ? dag : undefined;
  }

  /** The source, or undefined when there is none or the nodes are not a DAG. */
  trySourceDag(): Dag | undefined {
    const dag = Dag.tryFromWire(this.bytes, this.#nodeOffset(this.destinationCount), this.sourceCount);
    return dag instanceof Dag ? dag : undefined;
  }

  nodeType(index: number): number {
    return readU32BE(this.bytes, this.#nodeOffset(index));
  }

  /** Where in `bytes` the 20 id bytes of a node begin. */
  nodeIdOffset(index: number): number {
    return this.#nodeOffset(index) + 4;
  }

  /** Where an edge of a node leads: a node index of the same address, or -1 for an unused slot (0 to 3). */
  edge(index: number, slot: number): number {
    const to = this.bytes[this.#edgeOffset(index, slot)]! & NO_EDGE;
    return to === NO_EDGE ? -1 : to;
  }

  /** Whether the packet went over this edge. */
  isVisited(index: number, slot: number): boolean {
    return (this.bytes[this.#edgeOffset(index, slot)]! & EDGE_VISITED) !== 0;
  }

  /** Writes to the packet that destination node `index` was reached; -1 for none. */
  setLast(index: number): void {
    this.last = index;
    this.bytes[7] = index < 0 ? LAST_NONE : index;
  }

  /** Writes to the packet that it went over an edge of destination node `index`. */
  markVisited(index: number, slot: number): void {
    const offset = this.#edgeOffset(index, slot);
    this.bytes[offset] = this.bytes[offset]! | EDGE_VISITED;
  }

  /** Undoes {@link markVisited}. */
  unmarkVisited(index: number, slot: number): void {
    const offset = this.#edgeOffset(index, slot);
    this.bytes[offset] = this.bytes[offset]! & ~EDGE_VISITED;
  }

  /** Takes back that the packet has reached the sink of its destination, after node `reached` (-1: from the start). */
  retract(reached: number): void {
    const sink = this.destinationCount - 1;
    for (let node = 0; node <= sink; node++) {
      for (let slot = 0; slot < MAX_DAG_EDGES; slot++) {
        const offset = this.#edgeOffset(node, slot);
        if (this.edge(node, slot) === sink) this.bytes[offset] = this.bytes[offset]! & ~EDGE_VISITED;
      }
    }
    this.setLast(reached);
  }

  /** Writes the hop limit, 0 to 255, to the packet. */
  setHopLimit(hopLimit: number): void {
    this.hopLimit = hopLimit;
    this.bytes[4] = hopLimit;
  }

  #nodeOffset(index: number): number {
    return XIP_HEADER_BYTES + XIP_NODE_BYTES * index;
  }

  #edgeOffset(index: number, slot: number): number {
    return XIP_HEADER_BYTES + XIP_NODE_BYTES * index + 24 + slot;
  }
}

/** Whether every used edge slot of the nodes in `[start, end)` names one of `count` nodes. */
function edgesAreInside(bytes: Uint8Array, start: number, end: number, count: number): boolean {
  for (let at = start + 24; at < end; at += XIP_NODE_BYTES) {
    for (let slot = 0; slot < 4; slot++) {
      const to = bytes[at + slot]! & NO_EDGE;
      if (to >= count && to !== NO_EDGE) return false;
    }
  }
  return true;
}
