import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEthernet } from '../../../tools/src/xdump/decode-frame.js';
import { decodePacket } from '../../../tools/src/xdump/decode-packet.js';
import { describeUpper } from '../../../tools/src/xdump/describe-upper.js';
import { recordText } from '../../../tools/src/xdump/describe.js';
import { frames } from '../../data/vectors.js';
import { runXdump } from './run-main.js';

type Json = Readonly<Record<string, unknown>>;

/** What stands beside each frame in the file of captures, as another decoder printed it. */
interface Note {
  /** `XIP ver=1 nxt=12 …` as names and numbers. */
  readonly header: Readonly<Record<string, string>>;
  /** The XIDs of both addresses in the order of the wire, shortened. */
  readonly destination: readonly string[];
  readonly source: readonly string[];
  readonly upper: string;
}

const notes = new Map<string, Note>();
let name = '';
for (const line of readFileSync(new URL('../../data/frames.txt', import.meta.url), 'utf8').split('\n')) {
  const pairs = Object.fromEntries([...line.matchAll(/(\w+)=(\S+)/g)].map((match) => [match[1]!, match[2]!]));
  const shortXids = [...line.matchAll(/\d=([A-Z]+:[0-9a-f]{6}\.\.[0-9a-f]{4})/g)].map((match) => match[1]!);
  const note = notes.get(name);
  if (line.startsWith('## ')) name = line.slice(3).split(' ')[0]!;
  else if (/^# X(IP|ARP) /.test(line)) notes.set(name, { header: pairs, destination: [], source: [], upper: '' });
  else if (note !== undefined && line.startsWith('#    D ')) notes.set(name, { ...note, destination: shortXids });
  else if (note !== undefined && line.startsWith('#    S ')) notes.set(name, { ...note, source: shortXids });
  else if (note !== undefined && line.startsWith('#    ')) notes.set(name, { ...note, upper: line.slice(5) });
}

const short = (xid: string) => xid.replace(/^(\w+:[0-9a-f]{6})[0-9a-f]{30}/, '$1..');
const xidsOf = (dag: unknown) => [...String(dag).matchAll(/[A-Z]+:[0-9a-f]{40}/g)].map((match) => short(match[0]));

/** Holds the upper protocol against the note. */
function expectUpper(upper: Json, note: string): void {
  const numbers = Object.fromEntries([...note.matchAll(/(\w+)=(\d+)/g)].map((match) => [match[1]!, Number(match[2])]));
  const payload = /payload\((\d+)\)/.exec(note);
  if (note.startsWith('TRN type=1')) {
    const { info, seq: sequence, ack: acknowledgement, rwnd: window } = numbers;
    expect(upper).toMatchObject({
      protocol: 'prototype-stream',
      info,
      sequence,
      acknowledgement,
      window,
      dataLength: Number(payload?.[1]),
    });
  } else if (note.startsWith('TRN type=2')) {
    expect(upper).toMatchObject({ protocol: 'dgram', dataLength: Number(payload?.[1]) });
    const text = /payload\(\d+\)=b'([\w ^:]+)/.exec(note)?.[1] ?? '';
    expect(Buffer.from(String(upper['data']), 'hex').toString('latin1').startsWith(text)).toBe(true);
  } else if (note.startsWith('CIDH')) {
    const values = [...note.matchAll(/\((\d+), (\d+), \d\)/g)].map((match) => [Number(match[1]), Number(match[2])] as const);
    const names = ['opcode', 'payloadOffset', 'offset', 'length', 'chunkLength', 'context', 'ttlSeconds', 'cacheSize', 'cachePolicy'];
    const fields = Object.fromEntries(values.map(([key, value]) => [names[key], key === 0 ? ['', 'request', 'response'][value] : value]));
    expect(upper).toEqual({
      protocol: 'chunk',
      ...fields,
      headerLength: Number(/hl=(\d+)/.exec(note)?.[1]),
      dataLength: Number(payload?.[1]),
    });
  } else {
    const [, type, code, checksum] = /^XCMP type=(\d+) code=(\d+) ck=([0-9a-f]+)/.exec(note)!;
    expect(upper).toMatchObject({ protocol: 'xcmp', type: Number(type), code: Number(code), checksum: Number.parseInt(checksum!, 16) });
    expect(upper['checksumValid']).toBe(true);
  }
}

describe('xdump decode', () => {
  test('says of all captured frames what is known of them', async () => {
    const input = [...frames.values()].map((bytes) => Buffer.from(bytes).toString('hex')).join('\n');
    const { code, out, err } = await runXdump(['decode', '--ethernet', '--json'], input);
    expect([code, err]).toEqual([0, '']);
    const decoded = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    expect(decoded).toHaveLength(30);
    for (const [index, frame] of [...frames.keys()].entries()) {
      const { header, destination, source, upper } = notes.get(frame)!;
      const packet = decoded[index]!;
      if (frame.startsWith('XARP')) {
        const xarp = packet['xarp'] as Record<string, string>;
        const mac = (digits: string) => digits.match(/../g)!.join(':');
        expect({ ...xarp, senderXid: short(xarp['senderXid']!), targetXid: short(xarp['targetXid']!) }, frame).toEqual({
          operation: header['op'] === '1' ? 'request' : 'reply',
          senderMac: mac(header['sha']!),
          senderXid: header['spa'],
          targetMac: mac(header['tha']!),
          targetXid: header['tpa'],
        });
        continue;
      }
      expect(Object.keys(packet), frame).toEqual([
        'version',
        'next',
        'payloadLength',
        'hopLimit',
        'last',
        'destination',
        'source',
        'upper',
      ]);
      expect(packet, frame).toMatchObject({
        version: Number(header['ver']),
        next: Number(header['nxt']),
        payloadLength: Number(header['plen']),
        hopLimit: Number(header['hlim']),
        last: Number(header['last']),
      });
      expect(xidsOf(packet['destination']), frame).toEqual(destination);
      expect(xidsOf(packet['source']).toSorted(), frame).toEqual([...source].toSorted());
      expectUpper(packet['upper'] as Json, upper);
    }
  });

  test('shows the packet that an error is about', () => {
    const upper = (decodeEthernet(frames.get('XCMP-type3-code1')!) as unknown as { upper: Json }).upper;
    expect(upper).toMatchObject({ kind: 'unreachable', quoted: { version: 1, next: 61, upper: { kind: 'echo', checksumValid: null } } });
    const redirect = (decodeEthernet(frames.get('XCMP-type5-code1')!) as unknown as { upper: Json }).upper;
    expect(redirect).toMatchObject({ kind: 'redirect', nextHop: `HID:${'abcdef'.repeat(6)}abcd` });
  });

  test('tolerates white space and comments, and says in the place of a line what is wrong with it', async () => {
    const bytes = Buffer.from(frames.get('XCMP-type8-code0')!.subarray(14)).toString('hex');
    const lines = [
      '# a comment',
      '',
      `  ${bytes.match(/.{1,8}/g)!.join(' ')}  `,
      'xyz',
      'abc',
      '0200',
      bytes.slice(0, 100),
      bytes.replace(/^01/, '02'),
    ];
    const { code, out } = await runXdump(['decode', '--json'], lines.join('\n'));
    expect(code).toBe(0);
    const results = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    expect(results).toHaveLength(6);
    expect(results[0]).toMatchObject({ upper: { kind: 'echo' } });
    expect(results.slice(1).map(({ error }) => error)).toEqual([
      expect.stringContaining('hexadecimal digits: not a hexadecimal digit at 0'),
      expect.stringContaining('an odd number'),
      expect.stringContaining('XIP header: short'),
      expect.stringContaining('XIP header: header'),
      expect.stringContaining('XIP header: version'),
    ]);
  });

  test('says which address is no DAG, and where', () => {
    const packet = frames.get('XCMP-type8-code0')!.slice(14);
    const cycle = packet.slice();
    cycle[8 + 24] = 0;
    expect(decodePacket(cycle)).toEqual({ error: expect.stringMatching(/^destination: node \d: /) });
    const sourceless = packet.slice();
    sourceless[8 + 3 * 28 + 2 * 28 + 24] = 0x7f;
    expect(decodePacket(sourceless)).toEqual({ error: expect.stringMatching(/^source: /) });
  });

  test('shows a control message with a wrong checksum, and says so', () => {
    const packet = frames.get('XCMP-type8-code0')!.slice(14);
    packet[packet.length - 1]! ^= 1;
    const decoded = decodePacket(packet);
    expect(decoded).toMatchObject({ upper: { kind: 'echo', id: 0x3d47, checksumValid: false } });
    expect(recordText({}, decoded)).toContain('(bad checksum)');
  });

  test('tells other frames, and unknown protocols', () => {
    const packet = frames.get('XCMP-type8-code0')!.slice(14);
    packet[1] = 99;
    expect(decodePacket(packet)).toMatchObject({ next: 99, upper: { protocol: 'unknown', next: 99, dataLength: 64 } });
    expect(decodeEthernet(new Uint8Array(10))).toEqual({ error: 'Ethernet header: short' });
    expect(decodeEthernet(Uint8Array.of(...new Uint8Array(12), 0x88, 0xcc, 0))).toEqual({
      error: 'Ethernet: EtherType 0x88cc is neither XIP nor XARP',
    });
    expect(decodeEthernet(Uint8Array.of(...new Uint8Array(12), 0x99, 0x90, 0))).toEqual({ error: 'XARP: short' });
  });

  test('prints a packet on three lines as text', async () => {
    const { out } = await runXdump(['decode', '--ethernet'], Buffer.from(frames.get('CID-op2-off1172')!).toString('hex'));
    expect(out.split('\n')).toEqual([
      'CHUNK response, bytes 1172 to 2343 of 3000; hop limit 247, payload 1172, node 0 reached',
      expect.stringMatching(/^ {4}from DAG 0 2 - AD:10fdcc/),
      expect.stringMatching(/^ {4}to {3}RE AD:e5a3d3/),
      '',
    ]);
  });

  test('never throws, whatever the bytes are, whole or cut', () => {
    const seeds = [...frames.values()];
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(1500), fc.nat(255)), { maxLength: 6 }), fc.nat(1500))
      .map(([frame, changes, cut]) => {
        const copy = frame.slice(0, Math.max(1, frame.length - (cut % 5 === 0 ? cut : 0)));
        for (const [at, value] of changes) copy[14 + (at % Math.max(copy.length - 14, 1))] = value;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), fc.boolean(), (bytes, complete) => {
        const decoded = decodeEthernet(bytes, { complete });
        expect(recordText({}, decoded).length).toBeGreaterThan(0);
        expect(JSON.parse(JSON.stringify(decoded))).toBeTypeOf('object');
        if ('upper' in decoded) expect(describeUpper(decoded.upper)).not.toContain('undefined');
      }),
      { numRuns: 400 },
    );
  });

  test.each([
    [['decode', '--xml'], /unknown option '--xml'/],
    [['read'], /missing required argument/],
    [['read', '--udp-ports', '70000', 'x'], /Port numbers from 1 to 65535/],
    [['capture'], /which daemon\?/],
    [['capture', '--control', 'x', '--snaplen', '1'], /A whole number from 64/],
    [['capture', '--control', 'x', '-n', '0'], /A whole number from 1/],
    [['capture', '--control', 'x', '--filter', 'tcp'], /"tcp" is no term/],
    [['capture', '--control', 'x', '--json', '--write', '-'], /choose one/],
    [['capture', '-c', '/nonexistent.yaml'], /cannot be read/],
    [['capture', '--control', '/nonexistent.ctl'], /no daemon answers/],
    [['nonsense'], /unknown command|unknown argument|too many arguments/],
  ])('refuses %j', async (args, reason) => {
    const { code, err } = await runXdump(args);
    expect(code).toBe(args.includes('/nonexistent.ctl') ? 4 : args.includes('/nonexistent.yaml') ? 3 : 2);
    expect(err).toMatch(reason);
  });
});
