import { readFileSync } from 'node:fs';
import { encodeXip, ETHERNET_HEADER_BYTES, NextHeader, STREAM_RETRY_TOKEN_BYTES, StreamPacketWriter, XipView, type Dag } from 'xia-core';
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

/** STREAM packets of frames that a small network hardly ever sends: it is not flooded, and no link of it swallows large packets. */
export function rarePackets(destination: Dag, source: Dag): Uint8Array[] {
  const writer = new StreamPacketWriter();
  const token = new Uint8Array(STREAM_RETRY_TOKEN_BYTES).fill(0x7e);
  const parameters = { sid: destination.intent.id, windowBytes: 65_536, idleTimeoutMs: 60_000, maxAckDelayMs: 25 };
  // Each writes a packet, and tells how many bytes follow.
  const write: readonly (() => number)[] = [
    () => {
      writer.beginOpening(1, 2, 0, 0, 0);
      writer.retry(token);
      return 0;
    },
    () => {
      writer.beginOpening(0, 0, 1, 2, 1);
      writer.open({ ...parameters, token });
      return 0;
    },
    () => {
      writer.beginData(1, 2, 17);
      writer.ping();
      writer.padding(100);
      return 100;
    },
  ];
  return write.map((begin) => {
    const trailing = begin();
    return encodeXip({ nextHeader: NextHeader.STREAM, destination, source, payload: [writer.finish(), new Uint8Array(trailing)] });
  });
}

let packets: readonly Uint8Array[] | undefined;

/** XIP packets of every kind: captured ones, and those of a simulated network. */
export function realPackets(): readonly Uint8Array[] {
  if (packets === undefined) {
    const recorded = [...new FuzzWorld(1, false).sent.values()].flatMap((ofKind) => ofKind.map(({ packet }) => packet));
    const view = new XipView();
    const ofStreams = recorded.find((packet) => view.reset(packet) === undefined && view.nextHeader === NextHeader.STREAM);
    if (ofStreams === undefined) throw new Error('the simulated network sent no STREAM packet');
    view.reset(ofStreams);
    packets = [
      ...rarePackets(view.tryDestinationDag()!, view.trySourceDag()!),
      ...capturedFrames().map((frame) => frame.slice(ETHERNET_HEADER_BYTES)),
      ...recorded,
    ];
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
