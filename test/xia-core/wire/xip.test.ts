import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Dag, NO_EDGE, XIP_NODE_BYTES } from '../../../xia-core/src/dag/index.js';
import {
  CHUNK_RESPONSE_BYTES,
  encodeChunkRequest,
  encodeChunkResponseHeader,
  encodeXip,
  NextHeader,
  quoteOf,
  XIP_HEADER_BYTES,
  xipFaults,
  xipHeaderBytes,
  XipView,
  type XipFault,
} from '../../../xia-core/src/wire/index.js';
import { dag } from '../dag/arbitraries.js';

const HID = `HID:${'b2'.repeat(20)}`;
const destination = Dag.parse(`RE ( AD:${'a1'.repeat(20)} ${HID} ) SID:${'c3'.repeat(20)}`);
const source = Dag.parse(`RE ${HID}`);
const sample = (payload = new Uint8Array(50)) => encodeXip({ nextHeader: NextHeader.XCMP, destination, source, payload });

/** Reads whatever a view offers. */
function readAll(view: XipView): void {
  const count = view.destinationCount + view.sourceCount;
  for (let node = 0; node < count; node++) {
    const bound = node < view.destinationCount ? view.destinationCount : view.sourceCount;
    expect(view.nodeType(node)).toBeGreaterThanOrEqual(0);
    expect(view.nodeIdOffset(node) + 20).toBeLessThanOrEqual(view.headerBytes);
    for (let slot = 0; slot < 4; slot++) {
      expect(view.edge(node, slot)).toBeGreaterThanOrEqual(-1);
      expect(view.edge(node, slot)).toBeLessThan(bound);
    }
  }
  expect(view.last >= -1 && view.last < view.destinationCount).toBe(true);
  expect(view.payload().length).toBe(view.payloadBytes);
  expect(view.packetBytes).toBeLessThanOrEqual(view.bytes.length);
  for (const address of [view.tryDestinationDag(), view.trySourceDag()]) {
    if (address !== undefined) expect(Dag.parse(address.toString()).equals(address)).toBe(true);
  }
}

test('there and back', () => {
  const fields = fc.record({
    nextHeader: fc.constantFrom(...Object.values(NextHeader)).filter((next) => next !== NextHeader.CHUNK),
    destination: dag,
    source: dag,
    parts: fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 3 }),
    hopLimit: fc.nat(255),
  });
  const view = new XipView();
  fc.assert(
    fc.property(fields, ({ parts, ...rest }) => {
      const packet = encodeXip({ ...rest, payload: parts });
      expect(view.reset(packet)).toBeUndefined();
      expect(view.nextHeader).toBe(rest.nextHeader);
      expect(view.hopLimit).toBe(rest.hopLimit);
      expect(view.last).toBe(-1);
      expect(view.headerBytes).toBe(xipHeaderBytes(rest.destination, rest.source));
      expect(view.destinationDag().equals(rest.destination)).toBe(true);
      expect(view.sourceDag().equals(rest.source)).toBe(true);
      expect(Buffer.from(view.payload())).toEqual(Buffer.concat(parts));
      for (const [i, node] of rest.destination.nodes.entries()) {
        expect(view.nodeType(i)).toBe(node.xid.type);
        expect(packet.subarray(view.nodeIdOffset(i), view.nodeIdOffset(i) + 20)).toEqual(node.xid.id);
        expect([0, 1, 2, 3].map((slot) => view.edge(i, slot))).toEqual([0, 1, 2, 3].map((slot) => node.edges[slot] ?? -1));
      }
      expect(view.nodeType(rest.destination.count)).toBe(rest.source.nodes[0]!.xid.type);
      readAll(view);
    }),
  );
});

test('any bytes, and a packet with bytes changed, give a fault or a view that can be read', () => {
  const mutation = fc.array(fc.tuple(fc.nat(150), fc.nat(255)), { maxLength: 4 });
  const mutated = fc.tuple(dag, dag, mutation, fc.nat(200)).map(([to, from, changes, cut]) => {
    const packet = encodeXip({ nextHeader: NextHeader.NONE, destination: to, source: from, payload: new Uint8Array(9) });
    for (const [at, value] of changes) if (at < packet.length) packet[at] = value;
    return cut < packet.length && changes.length > 3 ? packet.subarray(0, cut) : packet;
  });
  const view = new XipView();
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 120 })), (bytes) => {
      const fault = view.reset(bytes);
      if (fault === undefined) readAll(view);
      else expect(xipFaults).toHaveProperty(fault);
      const quoteFault = view.resetQuoted(bytes);
      if (quoteFault === undefined) readAll(view);
      if (fault === undefined) expect(quoteFault).toBeUndefined();
    }),
    { numRuns: 1500 },
  );
});

describe('faults', () => {
  const at = (offset: number, value: number) => {
    const packet = sample();
    packet[offset] = value;
    return packet;
  };
  const nodes = XIP_HEADER_BYTES + 4 * XIP_NODE_BYTES;
  test.each<[string, Uint8Array, XipFault]>([
    ['nothing', new Uint8Array(0), 'short'],
    ['7 bytes', sample().subarray(0, 7), 'short'],
    ['another version', at(0, 2), 'version'],
    ['no destination', at(5, 0), 'count'],
    ['128 destination nodes', at(5, 128), 'count'],
    ['128 source nodes', at(6, 128), 'count'],
    ['half a node', sample().subarray(0, nodes - 1), 'header'],
    ['more nodes than bytes', at(5, 127), 'header'],
    ['last is the source', at(7, 3), 'last'],
    ['last is -2', at(7, 0xfe), 'last'],
    ['an edge of the destination', at(XIP_HEADER_BYTES + 24, 3), 'edge'],
    ['an edge of the destination, visited', at(XIP_HEADER_BYTES + 27, 0x83), 'edge'],
    ['an edge of the source', at(nodes - 4, 1), 'edge'],
    ['a byte is missing', sample().subarray(0, sample().length - 1), 'length'],
    ['a byte is too many', Uint8Array.from([...sample(), 0]), 'length'],
  ])('%s', (_name, bytes, fault) => {
    expect(new XipView().reset(bytes)).toBe(fault);
  });

  test('a cycle, no source: the view is fine, the DAG is not', () => {
    const packet = at(XIP_HEADER_BYTES + 24 + XIP_NODE_BYTES, 0);
    const view = new XipView();
    expect(view.reset(packet)).toBeUndefined();
    expect(() => view.destinationDag()).toThrow(expect.objectContaining({ code: 'bad-dag' }));
    expect(view.tryDestinationDag()).toBeUndefined();
    const noSource = packet.subarray(0, nodes - XIP_NODE_BYTES);
    noSource[6] = 0;
    noSource.set([0, 0], 2);
    expect(view.reset(noSource)).toBeUndefined();
    expect(() => view.sourceDag()).toThrow(expect.objectContaining({ code: 'bad-dag' }));
    expect(view.trySourceDag()).toBeUndefined();
  });
});

test('0x7e means -1, as the prototype may write it', () => {
  const packet = sample();
  packet[7] = 0x7e;
  const view = new XipView();
  expect(view.reset(packet)).toBeUndefined();
  expect(view.last).toBe(-1);
});

test('what a router writes is read by the next one', () => {
  const packet = sample();
  const view = new XipView();
  view.reset(packet);
  view.setLast(1);
  view.markVisited(2, 1);
  view.setHopLimit(17);
  expect([view.last, view.hopLimit, view.isVisited(2, 1), view.isVisited(2, 0)]).toEqual([1, 17, true, false]);
  const next = new XipView();
  expect(next.reset(packet)).toBeUndefined();
  expect([next.last, next.hopLimit, next.edge(2, 1), next.isVisited(2, 1)]).toEqual([1, 17, 0, true]);
  expect(next.destinationDag().equals(destination)).toBe(true);
  next.setLast(-1);
  expect(packet[7]).toBe(0xff);
});

describe('payload length', () => {
  test('padding of a short Ethernet frame is not payload', () => {
    const packet = encodeXip({ nextHeader: NextHeader.NONE, destination: source, source, payload: [] });
    const tiny = packet.subarray(0, XIP_HEADER_BYTES + XIP_NODE_BYTES);
    tiny[6] = 0;
    const padded = new Uint8Array(46);
    padded.set(tiny);
    const view = new XipView();
    expect(view.reset(padded)).toBeUndefined();
    expect([view.payloadBytes, view.packetBytes]).toEqual([0, 36]);
    expect(view.reset(new Uint8Array([...padded, 0]))).toBe('length');
  });

  test('a chunk response counts its data only, a request all of it', () => {
    const header = new Uint8Array(CHUNK_RESPONSE_BYTES);
    encodeChunkResponseHeader(header, 0, { offset: 0, length: 7, chunkLength: 7, ttlSeconds: 1 });
    const response = encodeXip({ nextHeader: NextHeader.CHUNK, destination, source, payload: [header, new Uint8Array(7)] });
    const request = encodeXip({
      nextHeader: NextHeader.CHUNK,
      destination,
      source,
      payload: encodeChunkRequest({ offset: 5, length: 6 }),
    });
    const view = new XipView();
    expect(view.reset(response)).toBeUndefined();
    expect([view.payloadLength, view.payloadBytes]).toEqual([7, 59]);
    expect(view.reset(request)).toBeUndefined();
    expect([view.payloadLength, view.payloadBytes]).toEqual([16, 16]);
    expect(view.reset(response.subarray(0, response.length - 1))).toBe('length');
  });

  test('the field bounds the payload, a chunk response being 52 bytes longer', () => {
    expect(() => sample(new Uint8Array(65_536))).toThrow(expect.objectContaining({ code: 'too-large' }));
    const view = new XipView();
    expect(view.reset(sample(new Uint8Array(65_535)))).toBeUndefined();
    expect(view.payloadBytes).toBe(65_535);
  });
});

test('a quote is the header and at most 8 bytes', () => {
  const view = new XipView();
  view.reset(sample());
  expect(quoteOf(view).length).toBe(view.headerBytes + 8);
  view.reset(sample(new Uint8Array(3)));
  expect(quoteOf(view).length).toBe(view.headerBytes + 3);
  expect(NO_EDGE).toBe(0x7f);
});
