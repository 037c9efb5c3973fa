import { BlockType, ByteOrderMagic, OptionCode, PacketFlag } from './pcapng-blocks.js';

/** Time stamps are written in microseconds: ten to the minus six. */
const MICROSECONDS = 6;
const U32 = 2 ** 32;

/** An interface of a capture: a face. */
export interface InterfaceFields {
  readonly name: string;
  readonly description: string;
  readonly linkType: number;
  readonly snaplen: number;
}

/** A captured frame. */
export interface FrameFields {
  /** Which interface, counted from 0 in the order of their descriptions. */
  readonly interfaceId: number;
  readonly wallMs: number;
  readonly direction: 'in' | 'out';
  readonly isBroadcast: boolean;
  /** Bytes that the frame had on the link. */
  readonly length: number;
  /** As many of them as were captured. */
  readonly bytes: Uint8Array;
}

/** What an interface has seen by the end. */
export interface StatisticsFields {
  readonly interfaceId: number;
  readonly wallMs: number;
  readonly received: number;
  readonly dropped: number;
}

/** The block that a file begins with; `application` is who writes it. */
export function sectionHeader(application: string): Uint8Array {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(ByteOrderMagic, 0);
  body.writeUInt16LE(1, 4);
  body.writeUInt16LE(0, 6);
  // The length of the section is not known while it is being written.
  body.fill(0xff, 8);
  return block(BlockType.SECTION_HEADER, body, options([OptionCode.USER_APPLICATION, Buffer.from(application)]));
}

export function interfaceDescription({ name, description, linkType, snaplen }: InterfaceFields): Uint8Array {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(linkType, 0);
  body.writeUInt32LE(snaplen, 4);
  return block(
    BlockType.INTERFACE_DESCRIPTION,
    body,
    options(
      [OptionCode.INTERFACE_NAME, Buffer.from(name)],
      [OptionCode.INTERFACE_DESCRIPTION, Buffer.from(description)],
      [OptionCode.INTERFACE_TIMESTAMP_RESOLUTION, Buffer.of(MICROSECONDS)],
    ),
  );
}

export function enhancedPacket({ interfaceId, wallMs, direction, isBroadcast, length, bytes }: FrameFields): Uint8Array {
  const body = Buffer.alloc(20 + padded(bytes.length));
  body.writeUInt32LE(interfaceId, 0);
  writeTime(body, 4, wallMs);
  body.writeUInt32LE(bytes.length, 12);
  body.writeUInt32LE(length, 16);
  body.set(bytes, 20);
  const flags = Buffer.alloc(4);
  const way = direction === 'in' ? PacketFlag.INBOUND : PacketFlag.OUTBOUND;
  flags.writeUInt32LE(way | (isBroadcast ? PacketFlag.BROADCAST : PacketFlag.UNICAST), 0);
  return block(BlockType.ENHANCED_PACKET, body, options([OptionCode.PACKET_FLAGS, flags]));
}

export function interfaceStatistics({ interfaceId, wallMs, received, dropped }: StatisticsFields): Uint8Array {
  const body = Buffer.alloc(12);
  body.writeUInt32LE(interfaceId, 0);
  writeTime(body, 4, wallMs);
  return block(
    BlockType.INTERFACE_STATISTICS,
    body,
    options([OptionCode.STATISTICS_RECEIVED, counter(received)], [OptionCode.STATISTICS_DROPPED, counter(dropped)]),
  );
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** Microseconds since 1970, the upper half first. */
function writeTime(target: Buffer, offset: number, wallMs: number): void {
  const microseconds = Math.round(wallMs * 1000);
  target.writeUInt32LE(Math.floor(microseconds / U32), offset);
  target.writeUInt32LE(microseconds % U32, offset + 4);
}

function counter(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value % U32, 0);
  bytes.writeUInt32LE(Math.floor(value / U32), 4);
  return bytes;
}

function options(...list: readonly (readonly [code: number, value: Buffer])[]): Buffer {
  const parts = list.map(([code, value]) => {
    const option = Buffer.alloc(4 + padded(value.length));
    option.writeUInt16LE(code, 0);
    option.writeUInt16LE(value.length, 2);
    option.set(value, 4);
    return option;
  });
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

/** A block: type, length, what is in it, and the length again for those who read backwards. */
function block(type: number, body: Buffer, optionBytes: Buffer): Uint8Array {
  const length = 12 + body.length + optionBytes.length;
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(length, 4);
  bytes.set(body, 8);
  bytes.set(optionBytes, 8 + body.length);
  bytes.writeUInt32LE(length, length - 4);
  return bytes;
}
