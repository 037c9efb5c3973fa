import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { encodeIpv4Udp, XiaError } from 'xia-core';
import { LinkType } from '../../../tools/src/xdump/decode-frame.js';
import { PcapngOutput } from '../../../tools/src/xdump/pcapng-output.js';
import { PcapngReader } from '../../../tools/src/xdump/pcapng-reader.js';
import { enhancedPacket, interfaceDescription, interfaceStatistics, sectionHeader } from '../../../tools/src/xdump/pcapng-writer.js';
import { frames } from '../../data/vectors.js';
import { runXdump } from './run-main.js';

const WALL_MS = 1_800_000_000_000.125;
const XIP = frames.get('XCMP-type8-code0')!.subarray(14);

const ethernet = interfaceDescription({ name: 'access', description: 'a face', linkType: LinkType.ETHERNET, snaplen: 2000 });

function frameBlock(bytes: Uint8Array, interfaceId = 0): Uint8Array {
  return enhancedPacket({ interfaceId, wallMs: WALL_MS, direction: 'out', isBroadcast: false, length: bytes.length + 7, bytes });
}

function read(...blocks: readonly Uint8Array[]) {
  const reader = new PcapngReader();
  const found = reader.push(Buffer.concat(blocks));
  reader.end();
  return found;
}

/** A block of another byte order, or of a type that is not written here. */
function block(type: number, body: Buffer, bigEndian = false): Buffer {
  const bytes = Buffer.alloc(12 + body.length);
  const put = (value: number, at: number) => (bigEndian ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at));
  put(type, 0);
  put(bytes.length, 4);
  body.copy(bytes, 8);
  put(bytes.length, bytes.length - 4);
  return bytes;
}

async function fileOf(...blocks: readonly Uint8Array[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'xdump-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'a.pcapng');
  await writeFile(file, Buffer.concat(blocks));
  return file;
}

describe('pcapng', () => {
  test('is read as it was written, in pieces of any size', () => {
    const frame = fc.record({
      bytes: fc.uint8Array({ maxLength: 200 }),
      direction: fc.constantFrom('in' as const, 'out' as const),
      isBroadcast: fc.boolean(),
      extra: fc.nat(100),
      microseconds: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.integer({ min: 1, max: 64 }), (list, step) => {
        const blocks = list.map(({ bytes, direction, isBroadcast, extra, microseconds }) =>
          enhancedPacket({
            interfaceId: 0,
            wallMs: Math.floor(microseconds / 1000),
            direction,
            isBroadcast,
            length: bytes.length + extra,
            bytes,
          }),
        );
        const statistics = interfaceStatistics({ interfaceId: 0, wallMs: WALL_MS, received: 2 ** 40, dropped: 1 });
        const file = Buffer.concat([sectionHeader('test'), ethernet, ...blocks, statistics]);
        const reader = new PcapngReader();
        const found = [];
        for (let at = 0; at < file.length; at += step) found.push(...reader.push(file.subarray(at, at + step)));
        reader.end();
        expect(found.map((each) => ({ ...each, bytes: Uint8Array.from(each.bytes) }))).toEqual(
          list.map(({ bytes, direction, extra, microseconds }) => ({
            linkType: LinkType.ETHERNET,
            interfaceName: 'access',
            wallMs: Math.floor(microseconds / 1000),
            direction,
            length: bytes.length + extra,
            bytes,
          })),
        );
      }),
      { numRuns: 50 },
    );
  });

  test('keeps microseconds', () => {
    expect(read(sectionHeader('test'), ethernet, frameBlock(XIP))[0]?.wallMs).toBeCloseTo(WALL_MS, 3);
  });

  test('of others is read: big endian, nanoseconds and powers of two, no options, simple packets, unknown blocks', () => {
    const magic = Buffer.from('1a2b3c4d00010000ffffffffffffffff', 'hex');
    const nano = Buffer.from('0001000000000000000900010900000000000000', 'hex');
    const binary = Buffer.from('0093000000000000000900018a00000000000000', 'hex');
    const packet = (interfaceId: number, ticks: bigint) => {
      const body = Buffer.alloc(24);
      body.writeUInt32BE(interfaceId, 0);
      body.writeBigUInt64BE(ticks, 4);
      body.writeUInt32BE(3, 12);
      body.writeUInt32BE(3, 16);
      body.fill(0xab, 20, 23);
      return block(6, body, true);
    };
    const found = read(
      block(0x0a0d0d0a, magic, true),
      block(1, nano, true),
      block(1, binary, true),
      block(0x0bad, Buffer.alloc(8), true),
      packet(0, 1_500_000_000n),
      packet(1, 2048n),
      block(3, Buffer.from('00000003abababff', 'hex'), true),
    );
    expect(found).toMatchObject([
      { linkType: 1, wallMs: 1500, direction: undefined, length: 3, interfaceName: '' },
      { linkType: 147, wallMs: 2000 },
      { linkType: 1, wallMs: undefined, length: 3 },
    ]);
    for (const { bytes } of found) expect([...bytes]).toEqual([0xab, 0xab, 0xab]);
  });

  test.each([
    ['nothing', Buffer.alloc(0), /empty/],
    ['the older format', Buffer.from('d4c3b2a1020004000000000000000000', 'hex'), /editcap/],
    ['another file', Buffer.from('#!/bin/sh\nexit 0\n'), /not a pcapng/],
    ['a section without a byte order', block(0x0a0d0d0a, Buffer.alloc(16)), /byte order/],
    ['an end within a block', sectionHeader('test').subarray(0, -3), /ends within/],
    [
      'a length that is no multiple of four',
      Buffer.concat([sectionHeader('test'), Buffer.from('010000000d00000000000000', 'hex')]),
      /of 13/,
    ],
    ['a huge length', Buffer.concat([sectionHeader('test'), Buffer.from('01000000fcffffff00000000', 'hex')]), /of 4294967292/],
    ['two lengths', Buffer.concat([sectionHeader('test'), Buffer.from('01000000100000000000000014000000', 'hex')]), /differ/],
    ['a packet of no interface', Buffer.concat([sectionHeader('test'), frameBlock(XIP)]), /not described/],
  ])('refuses %s', (_what, bytes, reason) => {
    expect(() => read(bytes)).toThrow(reason);
  });

  test('refuses or reads whatever there is', () => {
    const file = Buffer.concat([sectionHeader('test'), ethernet, frameBlock(XIP)]);
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), (at, value) => {
        const changed = Buffer.from(file);
        changed[at] = value;
        try {
          read(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(XiaError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('xdump read', () => {
  const results = (out: string) =>
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  test('tells what a capture of ours knows of a packet', async () => {
    const written: Uint8Array[] = [];
    const sink = { write: async (bytes: Uint8Array) => void written.push(bytes), close: async () => {} };
    const output = await PcapngOutput.begin(
      sink,
      [
        { name: 'up', description: '' },
        { name: 'access', description: 'here' },
      ],
      4096,
    );
    const facts = { wallMs: WALL_MS, length: XIP.length, bytes: XIP };
    await output.packet({ ...facts, face: 'access', direction: 'in', neighbour: 300 });
    await output.packet({ ...facts, face: 'up', direction: 'out', neighbour: 1 });
    await output.packet({ ...facts, face: 'access', direction: 'out', neighbour: 0, bytes: XIP.subarray(0, 200) });
    await output.packet({ ...facts, face: 'nobody', direction: 'out', neighbour: 0 });
    await output.end([{ name: 'access', captured: 2, dropped: 3 }]);
    const { code, out } = await runXdump(['read', '--json', await fileOf(...written)]);
    expect(code).toBe(0);
    const upper = { kind: 'echo', id: 0x3d47 };
    expect(results(out)).toMatchObject([
      { face: 'access', direction: 'in', neighbour: 300, length: XIP.length, hopLimit: 249, upper: { ...upper, checksumValid: true } },
      { face: 'up', direction: 'out', neighbour: 1, upper },
      { face: 'access', direction: 'out', neighbour: 0, length: XIP.length, upper: { ...upper, checksumValid: null } },
    ]);
    const text = await runXdump(['read', '-'], Buffer.concat(written));
    expect(text.out.split('\n')[0]).toMatch(/^08:00:00\.000125 access\/300 in 240 B {2}XCMP echo, id 15687/);
  });

  test('finds XIP in UDP over IPv4 and IPv6, on the ports that it is told', async () => {
    const address = Uint8Array.of(127, 0, 0, 1);
    const ipv4 = encodeIpv4Udp({ source: address, destination: address, sourcePort: 9000, destinationPort: 7000, payload: XIP });
    const ipv6 = Buffer.concat([Buffer.from('600000000000110a', 'hex'), Buffer.alloc(32), ipv4.subarray(20)]);
    const inEthernet = Buffer.concat([Buffer.alloc(12), Buffer.from('0800', 'hex'), ipv4]);
    const description = (linkType: number) => interfaceDescription({ name: '', description: '', linkType, snaplen: 0 });
    const file = await fileOf(
      sectionHeader('test'),
      description(LinkType.IPV4),
      description(LinkType.IPV6),
      description(LinkType.RAW_IP),
      description(LinkType.ETHERNET),
      description(LinkType.USER0),
      description(113),
      ...[ipv4, ipv6, ipv6, inEthernet, XIP, XIP].map((bytes, interfaceId) =>
        enhancedPacket({ interfaceId, wallMs: 0, direction: 'in', isBroadcast: false, length: bytes.length, bytes }),
      ),
    );
    const read7000 = await runXdump(['read', '--json', '--udp-ports', '6999,7000', file]);
    expect(results(read7000.out).map((result) => result.upper?.kind ?? result.error)).toEqual([
      ...Array.from({ length: 5 }, () => 'echo'),
      'link type 113 is not known here',
    ]);
    const other = await runXdump(['read', '--json', '--udp-ports', '6999', file]);
    expect(results(other.out)[0]).toMatchObject({ error: 'UDP: neither port 9000 nor 7000 carries XIP' });
  });

  test('says what is wrong with a file, after what could be read', async () => {
    const cut = await fileOf(sectionHeader('test'), ethernet, frameBlock(XIP), frameBlock(XIP).subarray(0, 40));
    const { code, out, err } = await runXdump(['read', '--json', cut]);
    expect([code, results(out)]).toMatchObject([1, [{ face: 'access' }]]);
    expect(err).toContain('the file ends within a block');
    expect(await runXdump(['read', '/nonexistent'])).toMatchObject({ code: 1, err: expect.stringContaining('ENOENT') });
  });
});
