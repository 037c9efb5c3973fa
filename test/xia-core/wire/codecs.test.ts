import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, internetChecksum, toHex, writeU16BE } from '../../../xia-core/src/bytes/index.js';
import {
  CHUNK_REQUEST_BYTES,
  CHUNK_RESPONSE_BYTES,
  chunkOffsetAt,
  decodeXcmp,
  DGRAM_HEADER_BYTES,
  encodeArp,
  encodeArpReply,
  encodeChunkRequest,
  encodeChunkResponseHeader,
  encodeDgramHeader,
  encodeEcho,
  encodeEchoReply,
  encodeEthernet,
  encodeIpv4Udp,
  encodePrototypeStreamHeader,
  encodeXarp,
  encodeXcmpError,
  EtherType,
  IPV4_UDP_HEADER_BYTES,
  macFromText,
  macToText,
  MAX_UDP_PAYLOAD_BYTES,
  parseArp,
  parseChunk,
  parseEthernet,
  parseIpv4Udp,
  parseTlvHeader,
  parseTransport,
  parseXarp,
  tlvHeaderBytes,
  writeTlvHeader,
  XcmpType,
  type TlvField,
} from '../../../xia-core/src/wire/index.js';
import { xid } from '../dag/arbitraries.js';

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const data = fc.uint8Array({ maxLength: 100 });

/** Valid messages of every kind, to be damaged. */
const messages = fc.oneof(
  fc.record({ id: u16, sequence: u16, data }).map(encodeEcho),
  fc.record({ type: fc.constantFrom(2, 3, 5, 11), code: fc.nat(9), quoted: data }).map((error) => encodeXcmpError(error as never)),
  fc.record({ offset: u32, length: u16 }).map(encodeChunkRequest),
  data.map((payload) => Uint8Array.from([...encodeDgramHeader(), ...payload])),
  fc.record({ info: fc.nat(9), sequence: u32, acknowledgement: u32, window: u32 }).map(encodePrototypeStreamHeader),
  fc.record({ source: bytesOf(4), destination: bytesOf(4), sourcePort: u16, destinationPort: u16, payload: data }).map(encodeIpv4Udp),
  fc
    .record({
      operation: fc.constantFrom('request', 'reply', 'reverse-request', 'reverse-reply'),
      senderMac: bytesOf(6),
      senderAddress: bytesOf(4),
      targetMac: bytesOf(6),
      targetAddress: bytesOf(4),
    })
    .map((fields) => encodeArp(fields as never)),
);

test('no parser throws on any bytes or on a damaged message', () => {
  const damage = fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 });
  const damaged = fc.tuple(messages, damage, fc.nat(120)).map(([message, changes, cut]) => {
    const copy = Uint8Array.from(message);
    for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
    return copy.subarray(0, changes.length === 1 ? cut : copy.length);
  });
  const parsers = [decodeXcmp, parseChunk, parseTransport, parseIpv4Udp, parseArp, parseXarp, parseEthernet, parseTlvHeader];
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 120 })), (bytes) => {
      for (const parse of parsers) {
        const result = parse(bytes);
        if ('fault' in result && result.fault !== undefined) expect(result.fault).toMatch(/^[a-z-]+$/);
      }
    }),
    { numRuns: 2000 },
  );
});

describe('TLV header', () => {
  const fields = fc
    .uniqueArray(fc.nat(15), { maxLength: 10 })
    .chain((keys) =>
      fc.tuple(
        ...keys
          .toSorted((a, b) => a - b)
          .map((key) =>
            fc.oneof(
              fc.record({ key: fc.constant(key), width: fc.constant(1 as const), value: fc.nat(255) }),
              fc.record({ key: fc.constant(key), width: fc.constant(2 as const), value: u16 }),
              fc.record({ key: fc.constant(key), width: fc.constant(4 as const), value: u32 }),
            ),
          ),
      ),
    );

  test('there and back', () => {
    fc.assert(
      fc.property(fields, data, (list: TlvField[], tail) => {
        const length = tlvHeaderBytes(list);
        const bytes = new Uint8Array(length + tail.length).fill(0xaa);
        writeTlvHeader(bytes, 0, list);
        const parsed = parseTlvHeader(bytes);
        if ('fault' in parsed) throw new Error(parsed.fault);
        expect(parsed.headerBytes).toBe(length);
        for (const { key, value } of list) expect(parsed.values[key]).toBe(value);
        expect(Object.keys(parsed.values).length).toBe(list.length);
      }),
    );
  });

  test.each([
    ['3b', 'short'],
    ['3b0400', 'short'],
    ['3b000000', 'header-length'],
    ['3b050000', 'header-length'],
    ['3b080000', 'short'],
    ['3b04ff00', 'field-length'],
    ['3b08020001020002', 'field-order'],
  ])('%s: %s', (hex, fault) => {
    expect(parseTlvHeader(fromHex(hex))).toEqual({ fault });
  });

  test('a field of a length or key that nobody knows is skipped', () => {
    const parsed = parseTlvHeader(fromHex('3b10020001 0402aabbcc 02 ff 07 0000'.replaceAll(' ', '').padEnd(32, '0')));
    expect(parsed).toEqual({ headerBytes: 16, values: [1, undefined, undefined] });
  });
});

describe('transport header', () => {
  test('a datagram', () => {
    expect(encodeDgramHeader().length).toBe(DGRAM_HEADER_BYTES);
    expect(parseTransport(Uint8Array.from([...encodeDgramHeader(), 1, 2]))).toEqual({
      kind: 'dgram',
      payload: Uint8Array.from([1, 2]),
    });
  });

  test('a STREAM packet of the prototype there and back', () => {
    fc.assert(
      fc.property(fc.record({ info: fc.nat(255), sequence: u32, acknowledgement: u32, window: u32 }), (fields) => {
        expect(parseTransport(encodePrototypeStreamHeader(fields))).toMatchObject({ kind: 'stream', ...fields });
      }),
    );
  });

  test.each([
    ['3b08020101000000', 'missing-field'],
    ['3b08020003000000', 'unknown-type'],
    ['3b08020001000000', 'missing-field'],
  ])('%s: %s', (hex, fault) => {
    expect(parseTransport(fromHex(hex))).toEqual({ fault });
  });
});

/** What `parseChunk` has to say, told from the fields of the header alone. */
function fieldByField(bytes: Uint8Array): ReturnType<typeof parseChunk> {
  const header = parseTlvHeader(bytes);
  if ('fault' in header) return header;
  const { headerBytes } = header;
  const [opcode, , offset, length, chunkLength, , ttlSeconds = 0] = header.values;
  if (opcode === undefined || offset === undefined || length === undefined) return { fault: 'missing-field' };
  if (opcode === 1) return { opcode: 'request', offset, length };
  if (length > 0xffff) return { fault: 'range' };
  if (opcode !== 2) return { fault: 'unknown-opcode' };
  if (chunkLength === undefined) return { fault: 'missing-field' };
  const fits = offset + length <= chunkLength && headerBytes + length === bytes.length;
  return fits ? { opcode: 'response', offset, length, chunkLength, ttlSeconds, dataOffset: headerBytes } : { fault: 'range' };
}

describe('chunk', () => {
  test('a request there and back', () => {
    fc.assert(
      fc.property(fc.record({ offset: u32, length: u16 }), (range) => {
        const bytes = encodeChunkRequest(range);
        expect(bytes.length).toBe(CHUNK_REQUEST_BYTES);
        expect(parseChunk(bytes)).toEqual({ opcode: 'request', ...range });
      }),
    );
  });

  test('a request for more than 16 bits can say has a wider field, whose lower half the prototype reads', () => {
    const range = { offset: 983_040, length: 0x3_fd1c };
    const bytes = encodeChunkRequest(range);
    expect(toHex(bytes)).toBe('3b14020001050200000f0005031cfd0300000000');
    expect(parseChunk(bytes)).toEqual({ opcode: 'request', ...range });
  });

  test('the offset alone, as the whole header has it, of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const parsed = parseChunk(bytes);
        if ('opcode' in parsed && parsed.opcode === 'response') expect(chunkOffsetAt(bytes, 0)).toBe(parsed.offset);
        else expect(chunkOffsetAt(bytes, 0)).toBeGreaterThanOrEqual(-1);
      }),
    );
    expect(chunkOffsetAt(new Uint8Array(0), 0)).toBe(-1);
    expect(chunkOffsetAt(Uint8Array.of(59, 8, 5, 2, 1, 0), 0)).toBe(-1);
  });

  test('a response there and back', () => {
    const fields = fc.tuple(fc.nat(0xffff_0000), fc.nat(2000), fc.nat(0xffff), u32).map(([offset, length, more, ttlSeconds]) => ({
      offset,
      length,
      chunkLength: Math.min(offset + length + more, 0xffff_ffff),
      ttlSeconds,
    }));
    fc.assert(
      fc.property(fields, (response) => {
        const bytes = new Uint8Array(CHUNK_RESPONSE_BYTES + response.length);
        encodeChunkResponseHeader(bytes, 0, response);
        expect(parseChunk(bytes)).toEqual({ opcode: 'response', dataOffset: CHUNK_RESPONSE_BYTES, ...response });
        expect(chunkOffsetAt(Uint8Array.from([7, 7, 7, ...bytes]), 3)).toBe(response.offset);
        expect(parseChunk(Uint8Array.from([...bytes, 0]))).toEqual({ fault: 'range' });
      }),
      { numRuns: 50 },
    );
  });

  test('a response of the usual shape reads as its fields say, one by one, and so does nearly one', () => {
    const fields = fc.record({ offset: fc.nat(50), length: fc.nat(100), chunkLength: fc.nat(150), ttlSeconds: u32 });
    const place = fc.oneof(fc.constantFrom(1, 4, 5, 9, 15, 18, 43, 44, 49, 50), fc.nat(CHUNK_RESPONSE_BYTES - 1));
    const damages = fc.array(fc.tuple(place, fc.oneof(fc.nat(9), fc.nat(255))), { maxLength: 2 });
    const cut = fc.oneof(fc.constant(0), fc.integer({ min: -3, max: 120 }));
    fc.assert(
      fc.property(fields, damages, cut, fc.nat(9), (response, damage, missing, start) => {
        const end = start + Math.max(0, CHUNK_RESPONSE_BYTES + response.length - missing);
        const bytes = new Uint8Array(start + CHUNK_RESPONSE_BYTES + response.length + 10).fill(7);
        encodeChunkResponseHeader(bytes, start, response);
        for (const [at, value] of damage) bytes[start + at] = value;
        const expected = fieldByField(bytes.subarray(start, end));
        expect(parseChunk(bytes.subarray(start, end))).toEqual(expected);
        const moved = 'dataOffset' in expected ? { ...expected, dataOffset: expected.dataOffset + start } : expected;
        expect(parseChunk(bytes, start, end)).toEqual(moved);
      }),
      { numRuns: 2000 },
    );
  });

  test('a request of the usual shape reads as its fields say, one by one, and so does nearly one', () => {
    const fields = fc.record({ offset: u32, length: u16 });
    const place = fc.oneof(fc.constantFrom(1, 2, 4, 5, 6, 11, 12, 15), fc.nat(CHUNK_REQUEST_BYTES - 1));
    const damages = fc.array(fc.tuple(place, fc.oneof(fc.nat(9), fc.nat(255))), { maxLength: 2 });
    fc.assert(
      fc.property(fields, damages, fc.integer({ min: -3, max: 10 }), fc.nat(9), (request, damage, more, start) => {
        const bytes = new Uint8Array(start + CHUNK_REQUEST_BYTES + 10).fill(7);
        bytes.set(encodeChunkRequest(request), start);
        for (const [at, value] of damage) bytes[start + at] = value;
        const end = start + CHUNK_REQUEST_BYTES + more;
        const expected = fieldByField(bytes.subarray(start, end));
        expect(parseChunk(bytes.subarray(start, end))).toEqual(expected);
        const moved = 'dataOffset' in expected ? { ...expected, dataOffset: expected.dataOffset + start } : expected;
        expect(parseChunk(bytes, start, end)).toEqual(moved);
      }),
      { numRuns: 1000 },
    );
  });

  test('data outside of the chunk is refused', () => {
    const bytes = new Uint8Array(CHUNK_RESPONSE_BYTES + 10);
    encodeChunkResponseHeader(bytes, 0, { offset: 95, length: 10, chunkLength: 100, ttlSeconds: 0 });
    expect(parseChunk(bytes)).toEqual({ fault: 'range' });
  });

  test('numbers that do not fit throw', () => {
    for (const range of [
      { offset: 0, length: 2 ** 32 },
      { offset: 2 ** 32, length: 0 },
      { offset: -1, length: 0 },
      { offset: 0.5, length: 0 },
    ]) {
      expect(() => encodeChunkRequest(range)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
    }
  });
});

describe('XCMP', () => {
  test('echo and reply there and back', () => {
    fc.assert(
      fc.property(fc.record({ id: u16, sequence: u16, data }), (echo) => {
        expect(decodeXcmp(encodeEcho(echo))).toEqual({ kind: 'echo', code: 0, ...echo });
        expect(decodeXcmp(encodeEchoReply(echo))).toEqual({ kind: 'echo-reply', code: 0, ...echo });
      }),
    );
  });

  test('errors there and back', () => {
    const type = fc.constantFrom(XcmpType.UNREACHABLE, XcmpType.REDIRECT, XcmpType.TIME_EXCEEDED);
    fc.assert(
      fc.property(type, fc.nat(255), data, xid, xid, (kind, code, quoted, first, second) => {
        const decoded = decodeXcmp(encodeXcmpError({ type: kind, code, quoted, xids: [first, second] }));
        expect(decoded).toMatchObject({ kind: 'error', type: kind, code, quoted, mtu: 0 });
        if (decoded.kind === 'error') expect(decoded.xids.map(String)).toEqual([first, second].map(String));
      }),
    );
  });

  test('too big carries the MTU, and bytes that mean nothing are zero', () => {
    const message = encodeXcmpError({ type: XcmpType.TOO_BIG, code: 0, quoted: fromHex('0102'), mtu: 70_000 });
    expect(decodeXcmp(message)).toMatchObject({ kind: 'error', type: XcmpType.TOO_BIG, mtu: 70_000 });
    expect(toHex(message).slice(8)).toBe(`00011170${'00'.repeat(44)}0102`);
    const unreachable = encodeXcmpError({ type: XcmpType.UNREACHABLE, code: 1, quoted: fromHex('01') });
    expect(toHex(unreachable.subarray(4))).toBe(`${'00'.repeat(48)}01`);
  });

  test('faults', () => {
    const echo = encodeEcho({ id: 1, sequence: 2, data: fromHex('0304') });
    expect(decodeXcmp(echo.subarray(0, 7))).toEqual({ fault: 'short' });
    echo[9] = 5;
    expect(decodeXcmp(echo)).toEqual({ fault: 'checksum' });
    const error = encodeXcmpError({ type: XcmpType.UNREACHABLE, code: 1, quoted: new Uint8Array(0) }).subarray(0, 51);
    expect(decodeXcmp(error)).toEqual({ fault: 'short' });
    const unknown = encodeEcho({ id: 1, sequence: 2, data: new Uint8Array(0) });
    unknown[0] = 99;
    writeU16BE(unknown, 2, 0);
    writeU16BE(unknown, 2, internetChecksum(unknown));
    expect(decodeXcmp(unknown)).toEqual({ fault: 'unknown-type' });
  });
});

describe('Ethernet', () => {
  test('a frame there and back', () => {
    fc.assert(
      fc.property(bytesOf(6), bytesOf(6), u16, data, (destination, source, etherType, payload) => {
        const frame = parseEthernet(encodeEthernet(destination, source, etherType, payload));
        expect(frame).toEqual({ destination, source, etherType, payload });
      }),
    );
    expect(parseEthernet(new Uint8Array(13))).toEqual({ fault: 'short' });
  });

  test('MAC addresses as text', () => {
    expect(macToText(macFromText('52:54:00:AB:cd:0f'))).toBe('52:54:00:ab:cd:0f');
    for (const text of ['', '52:54:00:ab:cd', '52-54-00-ab-cd-0f', '52:54:00:ab:cd:0g', '52:54:00:ab:cd:0f:00']) {
      expect(() => macFromText(text)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
    }
  });
});

test('XARP there and back, padded or not', () => {
  const fields = fc.record({
    operation: fc.constantFrom('request' as const, 'reply' as const),
    senderMac: bytesOf(6),
    senderXid: xid,
    targetMac: bytesOf(6),
    targetXid: xid,
  });
  fc.assert(
    fc.property(fields, data, (message, padding) => {
      const parsed = parseXarp(Uint8Array.from([...encodeXarp(message), ...padding]));
      if (parsed.fault !== undefined) throw new Error(parsed.fault);
      expect(encodeXarp(parsed)).toEqual(encodeXarp(message));
      expect(parsed.targetXid.equals(message.targetXid)).toBe(true);
    }),
  );
});

test('ARP: an answer to a request, and the announcement of QEMU', () => {
  const request = parseArp(fromHex('0001080006040001525400123456c0a80002000000000000c0a80001'));
  if (request.fault !== undefined) throw new Error(request.fault);
  expect(request.operation).toBe('request');
  expect(toHex(encodeArpReply(request, fromHex('020000000001')))).toBe('0001080006040002020000000001c0a80001525400123456c0a80002');
  const announcement = parseArp(fromHex(`0001080006040003525400123456000000005254001234560000000000${'00'.repeat(17)}`));
  expect(announcement).toMatchObject({ operation: 'reverse-request', senderMac: fromHex('525400123456') });
  expect(parseArp(fromHex('0001080006040009525400123456c0a80002000000000000c0a80001'))).toEqual({ fault: 'operation' });
  expect(parseArp(fromHex('000186dd06040001525400123456c0a80002000000000000c0a80001'))).toEqual({ fault: 'format' });
  expect(parseArp(new Uint8Array(27))).toEqual({ fault: 'short' });
});

describe('IPv4 and UDP', () => {
  const fields = fc.record({
    source: bytesOf(4),
    destination: bytesOf(4),
    sourcePort: u16,
    destinationPort: u16,
    payload: data,
  });

  test('there and back, padded or not; every damaged bit is noticed', () => {
    fc.assert(
      fc.property(fields, data, fc.nat(), (message, padding, pick) => {
        const packet = encodeIpv4Udp(message);
        expect(parseIpv4Udp(Uint8Array.from([...packet, ...padding]))).toEqual(message);
        const bit = pick % (packet.length * 8);
        packet[bit >> 3]! ^= 1 << (bit & 7);
        const damaged = parseIpv4Udp(packet);
        // A UDP checksum of which only zeros are left says that there is none.
        const lostChecksum = packet[26] === 0 && packet[27] === 0;
        if (!lostChecksum) expect(damaged.fault).toBeDefined();
      }),
    );
  });

  test('the usual worked example of an IPv4 checksum, and no UDP checksum', () => {
    const packet = fromHex(`450000730000400040 11b861c0a80001c0a800c7 9c400009005f0000 ${'aa'.repeat(87)}`.replaceAll(' ', ''));
    expect(parseIpv4Udp(packet)).toMatchObject({ source: fromHex('c0a80001'), sourcePort: 40_000, destinationPort: 9 });
    expect(parseIpv4Udp(packet)).toMatchObject({ payload: new Uint8Array(87).fill(0xaa) });
  });

  test('faults', () => {
    const message = {
      source: fromHex('0a000001'),
      destination: fromHex('0a000002'),
      sourcePort: 1,
      destinationPort: 2,
      payload: fromHex('0102'),
    };
    const changed = (change: (packet: Uint8Array) => void) => {
      const packet = encodeIpv4Udp(message);
      change(packet);
      writeU16BE(packet, 10, 0);
      writeU16BE(packet, 10, internetChecksum(packet, 0, 20));
      return parseIpv4Udp(packet).fault;
    };
    expect(parseIpv4Udp(new Uint8Array(19)).fault).toBe('short');
    expect(changed((packet) => (packet[0] = 0x65))).toBe('version');
    expect(changed((packet) => (packet[0] = 0x44))).toBe('length');
    expect(changed((packet) => writeU16BE(packet, 2, 31))).toBe('length');
    expect(changed((packet) => writeU16BE(packet, 2, 24))).toBe('length');
    expect(changed((packet) => writeU16BE(packet, 6, 0x2000))).toBe('fragment');
    expect(changed((packet) => writeU16BE(packet, 6, 1))).toBe('fragment');
    expect(changed((packet) => (packet[9] = 6))).toBe('not-udp');
    expect(changed((packet) => writeU16BE(packet, 24, 11))).toBe('length');
    expect(changed((packet) => writeU16BE(packet, 24, 7))).toBe('length');
    expect(changed((packet) => (packet[29] = 9))).toBe('checksum');
    const most = encodeIpv4Udp({ ...message, payload: new Uint8Array(MAX_UDP_PAYLOAD_BYTES) });
    expect(most.length).toBe(MAX_UDP_PAYLOAD_BYTES + IPV4_UDP_HEADER_BYTES);
    expect(() => encodeIpv4Udp({ ...message, payload: new Uint8Array(MAX_UDP_PAYLOAD_BYTES + 1) })).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    );
    expect(EtherType.XIP).toBe(0xc0de);
  });
});
