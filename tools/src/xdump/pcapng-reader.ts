import { XiaError } from 'xia-core';
import { BlockType, ByteOrderMagic, OptionCode, PacketFlag } from './pcapng-blocks.js';

const MAX_BLOCK_BYTES = 16 * 1024 * 1024;
/** Interfaces that a section may describe; a file that names more is made up. */
const MAX_INTERFACES = 65_536;
const MIN_BLOCK_BYTES = 12;
const DEFAULT_TICKS_PER_MS = 1000;
const CLASSIC_MAGICS = new Set(['a1b2c3d4', 'd4c3b2a1', 'a1b23c4d', '4d3cb2a1']);

/** A frame of a capture file. */
export interface CapturedFrame {
  readonly linkType: number;
  /** The name of its interface; empty when the file has none. */
  readonly interfaceName: string;
  /** Milliseconds since 1970; undefined in a block without a time. */
  readonly wallMs: number | undefined;
  readonly direction: 'in' | 'out' | undefined;
  /** Bytes that the frame had; more than `bytes` has when it was cut. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

interface Interface {
  readonly linkType: number;
  readonly snaplen: number;
  readonly name: string;
  readonly ticksPerMs: number;
  readonly offsetMs: number;
}

/**
 * Reads pcapng from a stream of bytes: pieces go in, frames come out. Sections of both byte orders, enhanced and simple packets; every
 * other block is passed over.
 */
export class PcapngReader {
  #buffered: Buffer = Buffer.alloc(0);
  #isLittleEndian = true;
  #interfaces: Interface[] = [];
  #hasBegun = false;

  /** @throws XiaError `bad-argument` when this is no pcapng, or a block of it is malformed */
  push(piece: Uint8Array): CapturedFrame[] {
    this.#buffered = this.#buffered.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#buffered, piece]);
    const frames: CapturedFrame[] = [];
    let at = 0;
    for (let length = this.#blockLength(at); length !== undefined; length = this.#blockLength(at)) {
      const frame = this.#block(this.#buffered.subarray(at, at + length));
      if (frame !== undefined) frames.push(frame);
      at += length;
    }
    this.#buffered = this.#buffered.subarray(at);
    return frames;
  }

  /** To be called at the end of the stream. @throws XiaError `bad-argument` when it ends within a block, or before the first one */
  end(): void {
    if (!this.#hasBegun && this.#buffered.length === 0) throw malformed('the file is empty');
    if (this.#buffered.length > 0) throw malformed(`the file ends within a block: ${this.#buffered.length} bytes are left`);
  }

  /** The length of the block at `at`, undefined until all of it is there. */
  #blockLength(at: number): number | undefined {
    const bytes = this.#buffered;
    if (bytes.length - at < MIN_BLOCK_BYTES) return undefined;
    if (bytes.readUInt32LE(at) === BlockType.SECTION_HEADER) this.#beginSection(bytes, at);
    else if (!this.#hasBegun) throw notPcapng(bytes.subarray(at, at + 4));
    const length = this.#u32(bytes, at + 4);
    if (length < MIN_BLOCK_BYTES || length % 4 !== 0 || length > MAX_BLOCK_BYTES) throw malformed(`a block of ${length} bytes`);
    if (bytes.length - at < length) return undefined;
    if (this.#u32(bytes, at + length - 4) !== length) throw malformed('the two lengths of a block differ');
    return length;
  }

  #beginSection(bytes: Buffer, at: number): void {
    if (bytes.readUInt32LE(at + 8) === ByteOrderMagic) this.#isLittleEndian = true;
    else if (bytes.readUInt32BE(at + 8) === ByteOrderMagic) this.#isLittleEndian = false;
    else throw malformed('a section without a byte order');
    this.#hasBegun = true;
  }

  #block(block: Buffer): CapturedFrame | undefined {
    const body = block.subarray(8, -4);
    switch (this.#u32(block, 0)) {
      case BlockType.SECTION_HEADER:
        this.#interfaces = [];
        return undefined;
      case BlockType.INTERFACE_DESCRIPTION:
        if (this.#interfaces.length >= MAX_INTERFACES) throw malformed('more interfaces than there may be');
        this.#interfaces.push(this.#interface(body));
        return undefined;
      case BlockType.ENHANCED_PACKET:
        return this.#enhancedPacket(body);
      case BlockType.SIMPLE_PACKET:
        return this.#simplePacket(body);
      default:
        return undefined;
    }
  }

  #interface(body: Buffer): Interface {
    if (body.length < 8) throw malformed('an interface description is too short');
    let name = '';
    let ticksPerMs = DEFAULT_TICKS_PER_MS;
    let offsetMs = 0;
    for (const { code, value } of this.#options(body.subarray(8))) {
      if (code === OptionCode.INTERFACE_NAME) name = value.toString('utf8');
      if (code === OptionCode.INTERFACE_TIMESTAMP_RESOLUTION && value.length > 0) ticksPerMs = ticksOf(value[0]!);
      if (code === OptionCode.INTERFACE_TIMESTAMP_OFFSET && value.length === 8) {
        offsetMs = Number(this.#isLittleEndian ? value.readBigInt64LE() : value.readBigInt64BE()) * 1000;
      }
    }
    return { linkType: this.#u16(body, 0), snaplen: this.#u32(body, 4), name, ticksPerMs, offsetMs };
  }

  #enhancedPacket(body: Buffer): CapturedFrame {
    if (body.length < 20) throw malformed('a packet block is too short');
    const { linkType, name, ticksPerMs, offsetMs } = this.#interfaceOf(this.#u32(body, 0));
    const captured = this.#u32(body, 12);
    if (captured > body.length - 20) throw malformed('a packet is longer than its block');
    const wallMs = (this.#u32(body, 4) * 2 ** 32 + this.#u32(body, 8)) / ticksPerMs + offsetMs;
    let flags = 0;
    for (const { code, value } of this.#options(body.subarray(20 + ((captured + 3) & ~3)))) {
      if (code === OptionCode.PACKET_FLAGS && value.length === 4) flags = this.#u32(value, 0) & PacketFlag.DIRECTION_MASK;
    }
    const direction = flags === PacketFlag.INBOUND ? 'in' : flags === PacketFlag.OUTBOUND ? 'out' : undefined;
    return { linkType, interfaceName: name, wallMs, direction, length: this.#u32(body, 16), bytes: body.subarray(20, 20 + captured) };
  }

  #simplePacket(body: Buffer): CapturedFrame {
    if (body.length < 4) throw malformed('a packet block is too short');
    const { linkType, name, snaplen } = this.#interfaceOf(0);
    const length = this.#u32(body, 0);
    const captured = Math.min(length, snaplen === 0 ? length : snaplen, body.length - 4);
    return { linkType, interfaceName: name, wallMs: undefined, direction: undefined, length, bytes: body.subarray(4, 4 + captured) };
  }

  #interfaceOf(id: number): Interface {
    const found = this.#interfaces[id];
    if (found === undefined) throw malformed(`a packet of interface ${id}, which is not described`);
    return found;
  }

  /** The options, up to their end or to one that does not fit. */
  *#options(bytes: Buffer): Generator<{ readonly code: number; readonly value: Buffer }> {
    let at = 0;
    while (at + 4 <= bytes.length) {
      const code = this.#u16(bytes, at);
      const length = this.#u16(bytes, at + 2);
      if (code === OptionCode.END || at + 4 + length > bytes.length) return;
      yield { code, value: bytes.subarray(at + 4, at + 4 + length) };
      at += 4 + ((length + 3) & ~3);
    }
  }

  #u16(bytes: Buffer, at: number): number {
    return this.#isLittleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#isLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }
}

/** Ticks of a clock in a millisecond: a power of ten, or of two when the top bit is set. */
function ticksOf(resolution: number): number {
  return ((resolution & 0x80) === 0 ? 10 ** resolution : 2 ** (resolution & 0x7f)) / 1000;
}

function notPcapng(start: Buffer): XiaError {
  if (CLASSIC_MAGICS.has(start.toString('hex'))) {
    return malformed('this is the older format pcap; "editcap FILE NEW.pcapng" converts it');
  }
  return malformed('this is not a pcapng file');
}

function malformed(reason: string): XiaError {
  return new XiaError('bad-argument', `bad capture: ${reason}`, { reason });
}
