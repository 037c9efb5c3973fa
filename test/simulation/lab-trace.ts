import { NextHeader, parseChunk, StreamPacketView, XipView, type LinkFate } from 'xia-core';
import type { LabWorld } from './lab-case.js';
import type { SimNode } from './network.js';

const STREAM_TYPES = ['DATA', 'OPENING', 'GONE', 'RETRY'];

/** One line for each packet on the link between the ends, to `write`: when it was sent, which way, what it is and what becomes of it. */
export function traceBottleneck({ topology, bottleneck }: LabWorld, write: (line: string) => void): void {
  const { network } = topology;
  network.onPacket = (packet, to, fate) => {
    const from = otherEnd(to);
    if (!bottleneck.includes(to.node.name) || !bottleneck.includes(from.name)) return;
    const time = network.now.toFixed(3).padStart(12);
    write(
      `${time} ${from.name} -> ${to.node.name} ${String(packet.length).padStart(5)} B  ${contentOf(packet).padEnd(32)} ${fateText(fate)}`,
    );
  };
}

function otherEnd(to: { readonly node: SimNode; readonly face: number }): SimNode {
  return to.node.links.get(to.face)!.ends.find(({ node }) => node !== to.node)!.node;
}

function contentOf(packet: Uint8Array): string {
  const view = new XipView();
  if (view.reset(packet) !== undefined) return 'no XIP packet';
  const payload = view.payload();
  if (view.nextHeader === NextHeader.STREAM) {
    const stream = new StreamPacketView();
    return stream.reset(payload) === undefined
      ? `STREAM ${STREAM_TYPES[stream.type] ?? stream.type} #${stream.packetNumber}`
      : 'STREAM, malformed';
  }
  if (view.nextHeader !== NextHeader.CHUNK) return `next header ${view.nextHeader}`;
  const chunk = parseChunk(payload);
  if (chunk.opcode !== 'request' && chunk.opcode !== 'response') return 'CHUNK, malformed';
  return `CHUNK ${chunk.opcode} ${chunk.offset}..${chunk.offset + chunk.length}`;
}

function fateText({ dropped, arrivesMs, copyArrivesMs, flippedBit }: LinkFate): string {
  if (dropped !== undefined) return `lost: ${dropped}`;
  const copy = copyArrivesMs < Infinity ? ` and ${copyArrivesMs.toFixed(3)}` : '';
  return `arrives ${arrivesMs.toFixed(3)}${copy}${flippedBit < 0 ? '' : `, bit ${flippedBit} flipped`}`;
}
