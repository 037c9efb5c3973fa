import {
  beaconSchema,
  bindingAckSchema,
  bindingSchema,
  certificateSchema,
  decodeMobilityMessage,
  decodeNameMessage,
  decodeXcmp,
  NextHeader,
  noticeSchema,
  prepareSchema,
  openStatement,
  parseArp,
  parseChunk,
  parseEthernet,
  parseIpv4Udp,
  parseTlvHeader,
  parseTransport,
  parseXarp,
  recordSchema,
  relaySchema,
  StatementKind,
  StreamFrame,
  StreamPacketView,
  unpackBody,
  XipView,
  type CryptoSuite,
  type SeededRandom,
} from 'xia-core';
import { simCrypto } from '../simulation/sim-identity.js';
import { capturedFrames, realPackets } from './corpus.js';
import { headerBytes, Mutator } from './mutator.js';
import type { Runner, Target } from './target.js';

const trusting: CryptoSuite = { ...simCrypto, verify: () => true };
const DGRAM_HEADER_BYTES = 32;

const streamView = new StreamPacketView();
const quoted = new XipView();

/** What was read past the end of the bytes is no number. */
function expectNumbers(...numbers: readonly number[]): void {
  for (const number of numbers) if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${number} was read from the wire`);
}

function expectInside(bytes: Uint8Array, start: number, length: number): void {
  expectNumbers(start, length);
  if (start + length > bytes.length) throw new Error(`${length} bytes at ${start} are said to be in ${bytes.length}`);
}

function readChunk(payload: Uint8Array): void {
  const packet = parseChunk(payload);
  if (packet.opcode === undefined) return;
  expectNumbers(packet.offset, packet.length);
  if (packet.opcode !== 'response') return;
  expectNumbers(packet.chunkLength, packet.ttlSeconds);
  expectInside(payload, packet.dataOffset, packet.length);
  if (packet.offset + packet.length > packet.chunkLength) throw new Error('a segment ends behind its chunk');
}

function readTlv(payload: Uint8Array): void {
  const header = parseTlvHeader(payload);
  if ('fault' in header) return;
  expectInside(payload, 0, header.headerBytes);
  for (const value of header.values) if (value !== undefined) expectNumbers(value);
}

function readStream(payload: Uint8Array): void {
  if (streamView.reset(payload) !== undefined) return;
  let frames = 0;
  while (streamView.nextFrame()) {
    if (++frames > payload.length) throw new Error('a packet has more frames than bytes');
    if (streamView.frame === StreamFrame.DATA) expectInside(payload, streamView.dataStart, streamView.dataLength);
    if (streamView.frame !== StreamFrame.ACK) continue;
    let ranges = 0;
    while (streamView.nextAckRange()) if (++ranges > payload.length) throw new Error('an acknowledgement has more ranges than bytes');
  }
}

function readXcmp(payload: Uint8Array): void {
  const message = decodeXcmp(payload);
  if (message.kind !== 'error' || quoted.resetQuoted(message.quoted) !== undefined) return;
  quoted.trySourceDag();
  quoted.tryDestinationDag();
}

function readTransport(payload: Uint8Array): void {
  const packet = parseTransport(payload);
  if (packet.kind === undefined) return;
  decodeMobilityMessage(packet.payload);
  decodeNameMessage(packet.payload);
}

function readStatements(bytes: Uint8Array): void {
  openStatement(bytes, StatementKind.CERTIFICATE, trusting, certificateSchema);
  openStatement(bytes, StatementKind.BEACON, trusting, beaconSchema);
  openStatement(bytes, StatementKind.RELAY, trusting, relaySchema);
  openStatement(bytes, StatementKind.BINDING, trusting, bindingSchema);
  openStatement(bytes, StatementKind.BINDING_ACK, trusting, bindingAckSchema);
  openStatement(bytes, StatementKind.RECORD, trusting, recordSchema);
  openStatement(bytes, StatementKind.NOTICE, trusting, noticeSchema);
  openStatement(bytes, StatementKind.PREPARE, trusting, prepareSchema);
}

function readFrame(frame: Uint8Array): void {
  parseEthernet(frame);
  const inside = frame.subarray(Math.min(frame.length, 14));
  parseArp(inside);
  parseXarp(inside);
  parseIpv4Udp(inside);
}

/** The readers of a kind, or when `kind` is none of those all of them. */
function read(payload: Uint8Array, kind: number): void {
  switch (kind) {
    case NextHeader.CHUNK:
      return readChunk(payload);
    case NextHeader.STREAM:
      return readStream(payload);
    case NextHeader.XCMP:
      return readXcmp(payload);
    case NextHeader.TRANSPORT:
      return readTransport(payload);
    default:
      readTlv(payload);
      unpackBody(payload);
      readStatements(payload);
      readFrame(payload);
  }
}

class CodecRunner implements Runner {
  readonly #rng: SeededRandom;
  readonly #packets: Mutator;
  readonly #frames: readonly Uint8Array[] = capturedFrames();
  #last = new Uint8Array(0);

  constructor(rng: SeededRandom) {
    this.#rng = rng;
    const packets = realPackets();
    this.#packets = new Mutator(rng, () => packets[rng.below(packets.length)]!);
  }

  step(): void {
    if (this.#rng.below(16) === 0) return this.#frame();
    const packet = this.#packets.packet();
    const payload = packet.subarray(Math.min(packet.length, headerBytes(packet)));
    this.#last = payload.slice();
    const kind = packet[1] ?? 0;
    read(payload, kind);
    if (kind === NextHeader.TRANSPORT && this.#rng.below(4) === 0) this.#statement(payload);
    if (this.#rng.below(16) === 0) read(payload, 0);
  }

  last(): Uint8Array {
    return this.#last;
  }

  faults(): string[] {
    return [];
  }

  /** The statement within a message: a kind from 1 to 6 and a version, and the largest that may follow. */
  #statement(payload: Uint8Array): void {
    for (let at = DGRAM_HEADER_BYTES; at + 1 < payload.length; at++) {
      if (payload[at]! < 1 || payload[at]! > 6 || payload[at + 1] !== 1) continue;
      this.#last = payload.slice(at);
      return readStatements(this.#last);
    }
  }

  #frame(): void {
    const frame = this.#frames[this.#rng.below(this.#frames.length)]!.slice(0, 14 + this.#rng.below(100));
    for (let count = this.#rng.below(4); count > 0; count--) frame[this.#rng.below(frame.length)] = this.#rng.below(256);
    this.#last = frame;
    readFrame(frame);
  }
}

/** Everything that reads bytes from the wire. */
export const codecTarget: Target = {
  name: 'codec',
  batch: 100_000,
  start: (rng) => new CodecRunner(rng),
  replay: (bytes) => {
    for (const kind of [...Object.values(NextHeader), 0]) read(bytes.slice(), kind);
  },
};
