import { concatBytes, internetChecksum, NextHeader, XIP_HEADER_BYTES, XIP_NODE_BYTES, type SeededRandom } from 'xia-core';

/** Numbers at which code tends to decide otherwise. */
const EDGY_BYTES = [0, 1, 2, 0x3f, 0x40, 0x7e, 0x7f, 0x80, 0xc0, 0xdf, 0xfe, 0xff];
/** First bytes of msgpack: maps, arrays, texts, binaries, numbers of every size, nothing, extensions. */
const MSGPACK_MARKS = [
  0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xca, 0xcb, 0xcc, 0xcf, 0xd3, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
];
const STATEMENT_HEADER_BYTES = 98;

/** Makes packets that nobody sent out of such as somebody did. What it does follows from the random numbers alone. */
export class Mutator {
  readonly #rng: SeededRandom;
  readonly #pick: () => Uint8Array;

  /** @param pick gives a real packet, which is only read */
  constructor(rng: SeededRandom, pick: () => Uint8Array) {
    this.#rng = rng;
    this.#pick = pick;
  }

  /** A changed packet, in memory of its own; one of 32 is as it was. */
  packet(from: Uint8Array = this.#pick()): Uint8Array {
    let bytes: Uint8Array = from.slice();
    for (let count = this.#rng.below(32) === 0 ? 0 : 1 + this.#rng.below(3); count > 0; count--) bytes = this.#change(bytes);
    return this.#mended(bytes);
  }

  /** A packet that gets where it belongs, with something else to say. */
  message(from: Uint8Array): Uint8Array {
    let bytes: Uint8Array = from.slice();
    for (let count = 1 + this.#rng.below(2); count > 0 && bytes.length > XIP_HEADER_BYTES; count--) {
      bytes = this.#rng.below(3) === 0 ? this.#msgpack(bytes) : this.#payloadHead(bytes);
    }
    return this.#mended(bytes);
  }

  /** Mostly with the right length and checksum, so that what was changed is looked at, and not only that it was. */
  #mended(bytes: Uint8Array): Uint8Array {
    if (this.#rng.below(4) > 0) setPayloadLength(bytes);
    if (bytes[1] === NextHeader.XCMP && this.#rng.below(4) > 0) setChecksum(bytes);
    return bytes;
  }

  #change(bytes: Uint8Array): Uint8Array {
    if (bytes.length < XIP_HEADER_BYTES) return concatBytes(bytes, this.#rng.bytes(40));
    switch (this.#rng.below(14)) {
      case 0:
        return this.#flip(bytes);
      case 1:
        bytes[this.#rng.below(bytes.length)] = this.#edgy();
        return bytes;
      case 2:
        return this.#splice(bytes);
      case 3:
        return bytes.slice(0, this.#rng.below(bytes.length + 1));
      case 4:
        return concatBytes(bytes, this.#rng.bytes(1 + this.#rng.below(64)));
      case 5: {
        // The header once more, in front of itself.
        const count = Math.min(bytes.length, headerBytes(bytes));
        return concatBytes(bytes.subarray(0, count), bytes).slice(0, 1500);
      }
      case 6:
        // Version, next header, length, hop limit, counts, last: the eight bytes before the nodes.
        bytes[this.#rng.below(XIP_HEADER_BYTES)] = this.#rng.below(2) === 0 ? this.#edgy() : this.#rng.below(8);
        return bytes;
      case 7:
        return this.#edges(bytes);
      case 8:
        return this.#identifiers(bytes);
      case 9:
        bytes[1] = [NextHeader.CHUNK, NextHeader.TRANSPORT, NextHeader.XCMP, NextHeader.STREAM, NextHeader.NONE][this.#rng.below(5)]!;
        return bytes;
      case 10:
        return this.#payloadOfAnother(bytes);
      case 11:
        return this.#msgpack(bytes);
      default:
        return this.#payloadHead(bytes);
    }
  }

  #edgy(): number {
    return EDGY_BYTES[this.#rng.below(EDGY_BYTES.length)]!;
  }

  #flip(bytes: Uint8Array): Uint8Array {
    for (let count = 1 + this.#rng.below(4); count > 0; count--) bytes[this.#rng.below(bytes.length)]! ^= 1 << this.#rng.below(8);
    return bytes;
  }

  /** A stretch of another packet, at its own place or at any. */
  #splice(bytes: Uint8Array): Uint8Array {
    const other = this.#pick();
    const from = this.#rng.below(other.length);
    const count = 1 + this.#rng.below(Math.min(64, other.length - from));
    const at = this.#rng.below(2) === 0 ? Math.min(from, bytes.length - 1) : this.#rng.below(bytes.length);
    const room = Math.min(count, bytes.length - at);
    bytes.set(other.subarray(from, from + room), at);
    return bytes;
  }

  #edges(bytes: Uint8Array): Uint8Array {
    const nodes = nodeCount(bytes);
    if (nodes === 0) return bytes;
    for (let count = 1 + this.#rng.below(4); count > 0; count--) {
      const at = XIP_HEADER_BYTES + XIP_NODE_BYTES * this.#rng.below(nodes) + 24 + this.#rng.below(4);
      if (at < bytes.length) bytes[at] = this.#rng.below(3) === 0 ? this.#edgy() : this.#rng.below(nodes + 1);
    }
    return bytes;
  }

  /** Another principal type, or the identifier of a node of another packet. */
  #identifiers(bytes: Uint8Array): Uint8Array {
    const nodes = nodeCount(bytes);
    if (nodes === 0) return bytes;
    const at = XIP_HEADER_BYTES + XIP_NODE_BYTES * this.#rng.below(nodes);
    if (at + 24 > bytes.length) return bytes;
    if (this.#rng.below(3) === 0) {
      bytes[at + 3] = [0x10, 0x11, 0x12, 0x13, 0x14, 0x99][this.#rng.below(6)]!;
      return bytes;
    }
    const other = this.#pick();
    const from = XIP_HEADER_BYTES + XIP_NODE_BYTES * this.#rng.below(Math.max(1, nodeCount(other)));
    if (from + 24 <= other.length) bytes.set(other.subarray(from, from + 24), at);
    return bytes;
  }

  /** Our header, and what somebody else had to say. */
  #payloadOfAnother(bytes: Uint8Array): Uint8Array {
    const other = this.#pick();
    const head = Math.min(bytes.length, headerBytes(bytes));
    bytes[1] = other[1]!;
    return concatBytes(bytes.subarray(0, head), other.subarray(Math.min(other.length, headerBytes(other))));
  }

  /** Fields of CHUNK, DGRAM, XCMP and STREAM stand in the first bytes of the payload: kinds, lengths, numbers of one to eight bytes. */
  #payloadHead(bytes: Uint8Array): Uint8Array {
    const head = headerBytes(bytes);
    if (head >= bytes.length) return bytes;
    const at = head + this.#rng.below(Math.min(72, bytes.length - head));
    const width = Math.min([1, 1, 2, 4, 8][this.#rng.below(5)]!, bytes.length - at);
    const fill = this.#rng.below(3) === 0 ? -1 : this.#edgy();
    for (let index = 0; index < width; index++) bytes[at + index] = fill < 0 ? this.#rng.below(256) : fill;
    return bytes;
  }

  /** Another kind of value, or another length of it, somewhere in the msgpack of a statement or message. */
  #msgpack(bytes: Uint8Array): Uint8Array {
    const head = headerBytes(bytes) + (bytes[1] === NextHeader.TRANSPORT ? 33 : 0);
    const start = head + (this.#rng.below(2) === 0 ? 0 : STATEMENT_HEADER_BYTES);
    if (start >= bytes.length) return bytes;
    const mark = MSGPACK_MARKS[this.#rng.below(MSGPACK_MARKS.length)]!;
    const from = start + this.#rng.below(bytes.length - start);
    // The next place that looks like the first byte of a value.
    let at = from;
    while (at < bytes.length && bytes[at]! < 0x80) at++;
    if (at === bytes.length) at = from;
    switch (this.#rng.below(3)) {
      case 0:
        bytes[at] = mark;
        return bytes;
      case 1:
        return concatBytes(bytes.subarray(0, at), Uint8Array.of(mark), bytes.subarray(at));
      default:
        // Nested deeply, or a value left out.
        if (this.#rng.below(2) === 0) return concatBytes(bytes.subarray(0, at), bytes.subarray(at + 1));
        return concatBytes(bytes.subarray(0, at), new Uint8Array(1 + this.#rng.below(200)).fill(mark), bytes.subarray(at));
    }
  }
}

function nodeCount(bytes: Uint8Array): number {
  return bytes.length < XIP_HEADER_BYTES
    ? 0
    : Math.min(bytes[5]! + bytes[6]!, Math.floor((bytes.length - XIP_HEADER_BYTES) / XIP_NODE_BYTES));
}

/** Bytes before the payload, as the counts say. */
export function headerBytes(bytes: Uint8Array): number {
  return bytes.length < XIP_HEADER_BYTES ? bytes.length : XIP_HEADER_BYTES + XIP_NODE_BYTES * (bytes[5]! + bytes[6]!);
}

/** A chunk response counts its data only. */
export function setPayloadLength(bytes: Uint8Array): void {
  const head = headerBytes(bytes);
  if (bytes.length < XIP_HEADER_BYTES || head > bytes.length) return;
  const carriesChunk = bytes[1] === NextHeader.CHUNK && bytes[head + 2] === 2 && bytes[head + 3] === 0;
  const isCounted = !carriesChunk || (bytes[head + 4] !== 2 && bytes[head + 4] !== 6);
  const length = bytes.length - head - (isCounted ? 0 : bytes[head + 1]!);
  if (length < 0 || length > 0xffff) return;
  bytes[2] = length >> 8;
  bytes[3] = length & 0xff;
}

/** That of an XCMP message. */
function setChecksum(bytes: Uint8Array): void {
  const head = headerBytes(bytes);
  if (head + 4 > bytes.length) return;
  bytes[head + 2] = 0;
  bytes[head + 3] = 0;
  const sum = internetChecksum(bytes, head, bytes.length);
  bytes[head + 2] = sum >> 8;
  bytes[head + 3] = sum & 0xff;
}
