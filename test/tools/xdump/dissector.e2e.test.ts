import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Dag,
  encodeBeaconMessage,
  encodeDgramHeader,
  encodeIpv4Udp,
  encodeXcmpError,
  encodeXip,
  NextHeader,
  sealStatement,
  SID_BOOTSTRAP,
  XcmpType,
} from 'xia-core';
import { decodeEthernet, decodeFrame, LinkType } from '../../../tools/src/xdump/decode-frame.js';
import { decodePacket } from '../../../tools/src/xdump/decode-packet.js';
import { enhancedPacket, interfaceDescription, sectionHeader } from '../../../tools/src/xdump/pcapng-writer.js';
import { frames } from '../../data/vectors.js';
import { temporaryFolder } from '../../e2e/programs.js';
import { fixedIdentity } from '../../xia-core/mobility/support/fixed-identity.js';
import { makeStatementVectors } from '../../xia-core/wire/statement-vectors.js';
import { comparedFields, expectedFields } from './expected-fields.js';
import { tshark, tsharkFields } from './tshark.js';

const SOURCE = Dag.parse(`RE AD:${'a'.repeat(40)} HID:${'b'.repeat(40)} SID:${'c'.repeat(40)}`);
const EXPERTS = ['_ws.expert.message', '_ws.malformed'] as const;

const json = (value: object) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
const vector = (name: string) => frames.get(name)!;

function xip(nextHeader: number, payload: Uint8Array, destination = SOURCE): Uint8Array {
  return encodeXip({ nextHeader, destination, source: SOURCE, payload });
}

function datagram(payload: Uint8Array): Uint8Array {
  return xip(NextHeader.TRANSPORT, Buffer.concat([encodeDgramHeader(), payload]), SOURCE.withIntent(SID_BOOTSTRAP));
}

describe('the dissector in tshark', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(async () => folder.remove());

  /** A capture file of one link type, written by our writer. */
  async function captureOf(linkType: number, packets: readonly Uint8Array[], cutTo = 65_549): Promise<string> {
    const file = join(folder.path, `${linkType}-${packets.length}-${cutTo}.pcapng`);
    const blocks = packets.map((bytes, index) =>
      enhancedPacket({
        interfaceId: 0,
        wallMs: 1_800_000_000_000 + index,
        direction: 'in',
        isBroadcast: false,
        length: bytes.length,
        bytes: bytes.subarray(0, cutTo),
      }),
    );
    const description = interfaceDescription({ name: 'vectors', description: 'from a test', linkType, snaplen: cutTo });
    await writeFile(file, Buffer.concat([sectionHeader('test'), description, ...blocks]));
    return file;
  }

  it('says the same of every captured frame as our decoder, and finds nothing wrong', async () => {
    const file = await captureOf(LinkType.ETHERNET, [...frames.values()]);
    const dissected = await tsharkFields(file, comparedFields);
    expect(dissected).toHaveLength(30);
    for (const [index, [name, bytes]] of [...frames].entries()) {
      expect(dissected[index], name).toEqual(expectedFields(json(decodeEthernet(bytes))));
    }
    // What the prototype says to its well-known services is no msgpack, and is told so.
    const experts = await tsharkFields(file, EXPERTS, ['-Y', 'not xia.service']);
    expect(experts.flatMap((packet) => Object.values(packet).flat())).toEqual([]);
  });

  it('leaves frames readable for the dissector that Wireshark has itself', async () => {
    const file = await captureOf(LinkType.ETHERNET, [vector('XCMP-type8-code0'), vector('CID-op1')]);
    const output = await tshark(file, ['-T', 'fields', '-E', 'separator=|', '-e', 'xip.hop_limit', '-e', 'xip.dst_dag'], false);
    const hopLimits = output
      .trim()
      .split('\n')
      .map((line) => line.split('|')[0]);
    expect(hopLimits).toEqual(['249', '249']);
  });

  it('reads statements, with the certificate in a beacon', async () => {
    const vectors = makeStatementVectors();
    const named = (name: string) => vectors.find((each) => each.name === name)!.bytes;
    const packet = datagram(encodeBeaconMessage({ beacon: named('beacon'), relays: [named('relay'), named('relay')] }));
    const file = await captureOf(LinkType.USER0, [packet]);
    const [dissected] = await tsharkFields(file, [...comparedFields, 'xia.message.kind', 'xia.statement.version', 'xia.field', ...EXPERTS]);
    expect(dissected).toMatchObject({
      ...expectedFields(json(decodePacket(packet))),
      'xia.message.kind': ['beacon'],
      'xia.statement.kind': ['2', '1', '3', '3'],
      'xia.statement.version': ['1', '1', '1', '1'],
      '_ws.expert.message': [],
      '_ws.malformed': [],
    });
    const { upper } = json(decodePacket(packet)) as { upper: { message: { beacon: { body: Record<string, unknown> } } } };
    const { ad, sequence, intervalMs, token } = upper.message.beacon.body;
    for (const field of [
      `ad: ${String(ad).slice('AD:'.length)}`,
      `sequence: ${String(sequence)}`,
      `intervalMs: ${String(intervalMs)}`,
      `token: ${String(token)}`,
    ])
      expect(dissected?.['xia.field']).toContain(field);
  });

  it('reads msgpack of every form', async () => {
    const body = { nil: null, no: false, yes: true, list: [1, -1, -200, -70_000, 300, 70_000], real: 1.5, text: 'text', big: 2 ** 40 };
    const statement = sealStatement(6, body, fixedIdentity(1));
    const file = await captureOf(LinkType.USER0, [datagram(encodeBeaconMessage({ beacon: statement, relays: [] }))]);
    const [dissected] = await tsharkFields(file, ['xia.field', ...EXPERTS]);
    expect(dissected?.['xia.field']).toEqual(
      expect.arrayContaining([
        'nil: nil',
        'no: false',
        'yes: true',
        'list: [1, -1, -200, -70000, 300, 70000]',
        'real: 1.5',
        'text: text',
        `big: ${2 ** 40}`,
      ]),
    );
    expect(dissected?.['_ws.expert.message']).toEqual([]);
  });

  it('finds XIP in UDP by its form, by its port, and by "Decode As"', async () => {
    const packet = vector('XCMP-type8-code0').subarray(14);
    const address = Uint8Array.of(127, 0, 0, 1);
    const inUdp = (payload: Uint8Array) =>
      encodeIpv4Udp({ source: address, destination: address, sourcePort: 40_000, destinationPort: 7000, payload });
    const file = await captureOf(LinkType.IPV4, [inUdp(packet)]);
    const expected = expectedFields(json(decodeFrame(LinkType.IPV4, inUdp(packet))));
    expect(await tsharkFields(file, comparedFields)).toEqual([expected]);
    // A packet with a wrong length has not the form of one.
    const odd = await captureOf(LinkType.IPV4, [inUdp(packet.subarray(0, -1)), inUdp(packet.subarray(0, -1))]);
    const versions = async (...args: string[]) => (await tsharkFields(odd, ['xia.version'], args)).map((each) => each['xia.version']);
    expect(await versions()).toEqual([[], []]);
    expect(await versions('-o', 'xia.ports:7000')).toEqual([['1'], ['1']]);
    expect(await versions('-d', 'udp.port==7000,xia')).toEqual([['1'], ['1']]);
  });

  it('says what is wrong with a packet', async () => {
    const echo = vector('XCMP-type8-code0').subarray(14);
    const changed = (offset: number, value: number) => {
      const copy = echo.slice();
      copy[offset] = value;
      return copy;
    };
    const packets: [string, Uint8Array][] = [
      ['not version 1', changed(0, 2)],
      ['a wrong number of nodes', changed(5, 0)],
      ['fewer bytes than the nodes need', echo.subarray(0, 60)],
      ['the last node reached is not there', changed(7, 9)],
      ['not a DAG', changed(8 + 24, 0)],
      ['more bytes than arrived', echo.subarray(0, -1)],
      ['The checksum is wrong', changed(echo.length - 1, 1)],
      ['XCMP: too short', xip(NextHeader.XCMP, new Uint8Array(5))],
      ['extension header: a wrong length', xip(NextHeader.CHUNK, Uint8Array.of(59, 3, 0, 0))],
      ['extension header: a field that does not fit', xip(NextHeader.CHUNK, Uint8Array.of(59, 4, 9, 0))],
      ['STREAM: too short, or of an unknown type', xip(NextHeader.STREAM, Uint8Array.of(0x1f))],
      ['STREAM: a frame that does not fit', xip(NextHeader.STREAM, Uint8Array.of(0x10, 0, ...new Uint8Array(14), 3, 0))],
      ['msgpack: not a map', datagram(Uint8Array.of(1, 5))],
      ['msgpack: truncated', datagram(Uint8Array.of(1, 0x81, 0xa1))],
      ['msgpack: bytes after the map', datagram(Uint8Array.of(1, 0x80, 0))],
      ['msgpack: nested too deep', datagram(Uint8Array.of(1, 0x81, 1, ...new Uint8Array(20).fill(0x91)))],
    ];
    const file = await captureOf(
      LinkType.USER0,
      packets.map(([, bytes]) => bytes),
    );
    const dissected = await tsharkFields(file, EXPERTS);
    for (const [index, [reason]] of packets.entries()) expect(dissected[index]?.['_ws.expert.message']?.join(), reason).toContain(reason);
  });

  it('survives random bytes, and packets that were cut', async () => {
    const whole = [...frames.values()].map((bytes) => bytes.subarray(14));
    const beginnings = whole.flatMap((bytes) =>
      Array.from({ length: 12 }, (_, step) => bytes.subarray(0, Math.floor((bytes.length * step) / 12) + 1)),
    );
    const flipped = whole.flatMap((bytes, seed) =>
      Array.from({ length: 20 }, (_, step) => {
        const copy = bytes.slice();
        copy[(seed * 31 + step * 97) % copy.length]! ^= 1 << (step % 8);
        return copy;
      }),
    );
    const file = await captureOf(LinkType.USER0, [...beginnings, ...flipped]);
    // Lua says so in the tree when a script fails, and `tshark` of ours refuses what it says on stderr.
    expect(await tshark(file, ['-V'])).not.toContain('Lua Error');
    const cutFile = await captureOf(LinkType.ETHERNET, [...frames.values()], 220);
    expect(await tshark(cutFile, ['-V'])).not.toContain('Lua Error');
    const cut = await tsharkFields(cutFile, ['xia.destination', ...EXPERTS], ['-Y', 'xia.next == 12']);
    expect(cut.map((packet) => packet['_ws.expert.message'])).toEqual([
      [],
      ...Array.from({ length: 3 }, () => ['The rest was not captured']),
    ]);
  });

  it('shows the packet that an error quotes, and the MTU of "too big"', async () => {
    const quoted = vector('CID-op1').subarray(14, 14 + 184);
    const packet = xip(NextHeader.XCMP, encodeXcmpError({ type: XcmpType.TOO_BIG, code: 0, mtu: 1400, quoted }));
    const file = await captureOf(LinkType.USER0, [packet]);
    const [dissected] = await tsharkFields(file, comparedFields);
    expect(dissected).toMatchObject({ 'xia.xcmp.type': ['2'], 'xia.xcmp.mtu': ['1400'], 'xia.next': ['61', '12'] });
    expect(dissected?.['xia.destination']?.[1]).toContain('CID:c38794ce');
  });
});
