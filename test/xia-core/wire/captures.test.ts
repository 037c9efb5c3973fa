import { describe, expect, test } from 'vitest';
import { equalBytes, toHex } from '../../../xia-core/src/bytes/index.js';
import { Dag } from '../../../xia-core/src/dag/index.js';
import {
  CHUNK_RESPONSE_BYTES,
  decodeXcmp,
  encodeChunkRequest,
  encodeChunkResponseHeader,
  encodeDgramHeader,
  encodeEcho,
  encodeEchoReply,
  encodeEthernet,
  encodePrototypeStreamHeader,
  encodeXarp,
  encodeXcmpError,
  encodeXip,
  EtherType,
  NextHeader,
  parseChunk,
  parseEthernet,
  parseTransport,
  parseXarp,
  XipView,
} from '../../../xia-core/src/wire/index.js';
import { frames, headerVectors } from '../../data/vectors.js';

/** Decodes what follows the nodes and writes it anew, as parts. */
function again(nextHeader: number, payload: Uint8Array): Uint8Array[] {
  switch (nextHeader) {
    case NextHeader.TRANSPORT: {
      const packet = parseTransport(payload);
      if (packet.kind === 'dgram') return [encodeDgramHeader(), packet.payload];
      if (packet.kind === 'stream') return [encodePrototypeStreamHeader(packet), packet.payload];
      throw new Error(packet.fault);
    }
    case NextHeader.XCMP: {
      const message = decodeXcmp(payload);
      if (message.kind === 'echo') return [encodeEcho(message)];
      if (message.kind === 'echo-reply') return [encodeEchoReply(message)];
      if (message.kind === 'error') return [encodeXcmpError(message)];
      throw new Error(message.fault);
    }
    case NextHeader.CHUNK: {
      const chunk = parseChunk(payload);
      if (chunk.opcode === 'request') {
        const header = encodeChunkRequest(chunk);
        return [header, payload.subarray(header.length)];
      }
      if (chunk.opcode === 'response') {
        const header = new Uint8Array(CHUNK_RESPONSE_BYTES);
        encodeChunkResponseHeader(header, 0, chunk);
        return [header, payload.subarray(chunk.dataOffset)];
      }
      throw new Error(chunk.fault);
    }
    default:
      throw new Error(`next header ${nextHeader}`);
  }
}

/** The packet of a view written anew, with the marks that it gathered on its way. */
function encodeAgain(view: XipView): Uint8Array {
  const packet = encodeXip({
    nextHeader: view.nextHeader,
    destination: view.destinationDag(),
    source: view.sourceDag(),
    payload: again(view.nextHeader, view.payload()),
    hopLimit: view.hopLimit,
  });
  const copy = new XipView();
  expect(copy.reset(packet)).toBeUndefined();
  copy.setLast(view.last);
  for (let node = 0; node < view.destinationCount; node++) {
    for (let slot = 0; slot < 4; slot++) if (view.isVisited(node, slot)) copy.markVisited(node, slot);
  }
  return packet;
}

test('the captures are all there', () => {
  expect(frames.size).toBe(30);
});

describe('a captured frame decodes, and encodes to the same bytes', () => {
  test.each([...frames])('%s', (_name, bytes) => {
    const frame = parseEthernet(bytes);
    if (frame.fault !== undefined) throw new Error(frame.fault);
    let payload: Uint8Array;
    if (frame.etherType === EtherType.XARP) {
      const message = parseXarp(frame.payload);
      if (message.fault !== undefined) throw new Error(message.fault);
      payload = encodeXarp(message);
    } else {
      expect(frame.etherType).toBe(EtherType.XIP);
      const view = new XipView();
      expect(view.reset(frame.payload)).toBeUndefined();
      expect(view.packetBytes).toBe(frame.payload.length);
      payload = encodeAgain(view);
    }
    expect(toHex(encodeEthernet(frame.destination, frame.source, frame.etherType, payload))).toBe(toHex(bytes));
  });
});

describe('what the captures say', () => {
  const decode = (name: string) => {
    const view = new XipView();
    expect(view.reset(frames.get(name)!.subarray(14))).toBeUndefined();
    return view;
  };

  test('a chunk in three segments, whose payload length counts the data only', () => {
    const data: Uint8Array[] = [];
    let offset = 0;
    for (const name of ['CID-op2-off0', 'CID-op2-off1172', 'CID-op2-off2344']) {
      const view = decode(name);
      expect(view.payloadBytes).toBe(view.payloadLength + CHUNK_RESPONSE_BYTES);
      const chunk = parseChunk(view.payload());
      if (chunk.opcode !== 'response') throw new Error(name);
      expect(chunk).toMatchObject({ offset, length: view.payloadLength, chunkLength: 3000, ttlSeconds: 86_400 });
      data.push(view.payload().subarray(chunk.dataOffset));
      offset += chunk.length;
    }
    expect(Buffer.concat(data)).toEqual(Buffer.from(Uint8Array.from({ length: 3000 }, (_, i) => 65 + (i % 26))));
  });

  test('a chunk request asks for everything', () => {
    expect(parseChunk(decode('CID-op1').payload())).toEqual({ opcode: 'request', offset: 0, length: 0 });
    expect(decode('CID-op1').destinationDag().toReText()).toMatch(/^RE \( AD:\S+ HID:\S+ \) CID:c38794ce/);
  });

  test('an echo and its reply', () => {
    const request = decodeXcmp(decode('XCMP-type8-code0').payload());
    const reply = decodeXcmp(decode('XCMP-type0-code0').payload());
    expect(request).toMatchObject({ kind: 'echo', id: 0x3d47, sequence: 0 });
    expect(reply).toMatchObject({ kind: 'echo-reply', id: 0x3d47, sequence: 0 });
    if (request.kind !== 'echo' || reply.kind !== 'echo-reply') throw new Error('not echoes');
    // The prototype writes a quote over the data from byte 52 of the message on.
    expect(equalBytes(request.data.subarray(0, 44), reply.data.subarray(0, 44))).toBe(true);
  });

  test('an error quotes a packet that can be looked at', () => {
    const error = decodeXcmp(decode('XCMP-type5-code1').payload());
    if (error.kind !== 'error') throw new Error('not an error');
    expect(error.xids.map(String)).toEqual(['AD:e5a3d3ffe08c70b7978619ca68381d2b34f72079', `HID:${'abcdef'.repeat(6)}abcd`]);
    const quoted = new XipView();
    expect(quoted.resetQuoted(error.quoted)).toBeUndefined();
    expect(quoted.reset(error.quoted)).toBe('length');
    expect(quoted.sourceDag().toString()).toBe(decode('XCMP-type5-code1').destinationDag().toString());
    expect(quoted.payloadBytes).toBe(8);
  });

  test('a beacon goes to every neighbour', () => {
    expect(decode('XHCP-BEACON').destinationDag().toString()).toBe(
      `RE HID:${'ff'.repeat(20)} SID:1110000000000000000000000000000000001111`,
    );
  });

  test('XARP asks for the address of a HID', () => {
    const parsed = ['XARP-op1', 'XARP-op2'].map((name) => parseXarp(frames.get(name)!.subarray(14)));
    expect(parsed).toMatchObject([{ operation: 'request' }, { operation: 'reply' }]);
    expect(String(parsed[0]!.fault === undefined && parsed[0]!.targetXid)).toBe('HID:edec3ff99f451341fa90935221c9ea165540f051');
  });
});

describe('headers of the library of the prototype', () => {
  const stream = (info: number, sequence: number, acknowledgement: number, window: number) =>
    toHex(encodePrototypeStreamHeader({ info, sequence, acknowledgement, window }));

  test('transport', () => {
    expect(stream(1, 0, 0xffff_ffff, 128)).toBe(headerVectors.get('TRN SYN'));
    expect(stream(3, 7, 0, 126)).toBe(headerVectors.get('TRN DATA seq7'));
    expect(stream(4, 0, 8, 128)).toBe(headerVectors.get('TRN ACK 8'));
    expect(toHex(encodeDgramHeader())).toBe(headerVectors.get('TRN DGRAM'));
  });

  test('content', () => {
    expect(toHex(encodeChunkRequest({ offset: 0, length: 0 }))).toBe(headerVectors.get('CID REQ'));
    const header = new Uint8Array(CHUNK_RESPONSE_BYTES);
    encodeChunkResponseHeader(header, 0, { offset: 0, length: 1000, chunkLength: 3000, ttlSeconds: 86_400 });
    expect(toHex(header)).toBe(headerVectors.get('CID RESP off0 len1000 chunk3000'));
    expect(parseChunk(Buffer.from(headerVectors.get('CID REMOVE ctx77')!, 'hex'))).toEqual({ fault: 'unknown-opcode' });
  });

  test('a whole XIP header', () => {
    const id = (n: string) => n.padStart(40, '0');
    const packet = encodeXip({
      nextHeader: NextHeader.TRANSPORT,
      destination: Dag.parse(`RE AD:1${'1'.padStart(39, '0')} HID:${id('1')} SID:0f${'8888'.padStart(38, '0')}`),
      source: Dag.parse(`RE AD:1${'0'.repeat(39)} HID:${id('0')} SID:0f${'55'.padStart(38, '0')}`),
      payload: new Uint8Array(0),
      payloadLength: 37,
    });
    expect(toHex(packet)).toBe(headerVectors.get('XIP'));
  });
});
