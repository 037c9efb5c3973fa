import { readFileSync } from 'node:fs';
import { ETHERNET_HEADER_BYTES } from 'xia-core';
import { headerBytes, setPayloadLength } from './mutator.js';
import { FuzzWorld } from './world.js';

/** Captured frames of the prototype. The build of this file lies two folders deeper than it. */
const FRAMES = new URL('../../../data/frames.txt', import.meta.url);

/** Whole Ethernet frames. */
export function capturedFrames(): Uint8Array[] {
  return readFileSync(FRAMES, 'utf8')
    .split('\n')
    .filter((line) => /^[0-9a-f]{28,}$/.test(line))
    .map((line) => new Uint8Array(Buffer.from(line, 'hex')));
}

let packets: readonly Uint8Array[] | undefined;

/** XIP packets of every kind: captured ones, and those of a simulated network. */
export function realPackets(): readonly Uint8Array[] {
  if (packets === undefined) {
    const recorded = [...new FuzzWorld(1, false).sent.values()].flatMap((ofKind) => ofKind.map(({ packet }) => packet));
    packets = [...capturedFrames().map((frame) => frame.slice(ETHERNET_HEADER_BYTES)), ...recorded];
  }
  return packets;
}

const SHORT_PAYLOAD_BYTES = 40;
let shortPackets: readonly Uint8Array[] | undefined;

/** The same with little behind their headers, for those who look at the header only. */
export function realHeaders(): readonly Uint8Array[] {
  shortPackets ??= realPackets().map((packet) => {
    const short = packet.slice(0, headerBytes(packet) + SHORT_PAYLOAD_BYTES);
    setPayloadLength(short);
    return short;
  });
  return shortPackets;
}
