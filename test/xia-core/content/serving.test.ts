import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, SeededRandom, toHex } from '../../../xia-core/src/bytes/index.js';
import { LocalContent, originDag, requestedRange, Responder, responderDag } from '../../../xia-core/src/content/index.js';
import { contentDag, Dag, hostDag, serviceDag } from '../../../xia-core/src/dag/index.js';
import { encodeChunkRequest, encodeXip, NextHeader, parseChunk, XipView } from '../../../xia-core/src/wire/index.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { frames } from '../../data/vectors.js';
import { crypto } from './chunk-network.js';

const AD = Xid.of(PrincipalType.AD, '10'.repeat(20));
const HID = Xid.of(PrincipalType.HID, 'aa'.repeat(20));
const CLIENT = serviceDag(AD, Xid.of(PrincipalType.HID, 'bb'.repeat(20)), Xid.of(PrincipalType.SID, 'cc'.repeat(20)));
const NEVER = Number.POSITIVE_INFINITY;

interface Published {
  readonly id: Uint8Array;
  readonly bytes: Uint8Array;
  readonly dag: Dag;
}

function publishable(seed: number, length: number): Published {
  const bytes = new SeededRandom(seed).bytes(length);
  const id = crypto.hash(bytes);
  return { id, bytes, dag: contentDag(AD, HID, Xid.of(PrincipalType.CID, id)) };
}

function viewOf(packet: Uint8Array): XipView {
  const view = new XipView();
  expect(view.reset(packet)).toBeUndefined();
  return view;
}

function requestFor({ dag }: Published, offset: number, length: number): XipView {
  const payload = encodeChunkRequest({ offset, length });
  return viewOf(encodeXip({ nextHeader: NextHeader.CHUNK, destination: dag, source: CLIENT, payload }));
}

/** The packets that answer a request. */
function answers(chunk: Published, offset: number, length: number, mtu = 1400, responder = new Responder()): Uint8Array[] {
  const packets: Uint8Array[] = [];
  const stored = { bytes: chunk.bytes, expiresAt: NEVER };
  const request = { offset, length };
  responder.respond(requestFor(chunk, offset, length), request, stored, mtu, hostDag(AD, HID), 0, (head, data) =>
    packets.push(concatBytes(head, data)),
  );
  return packets;
}

describe('requestedRange', () => {
  it.each([
    [0, 0, 3000, { start: 0, end: 3000 }],
    [1000, 0, 3000, { start: 1000, end: 3000 }],
    [1000, 500, 3000, { start: 1000, end: 1500 }],
    [2900, 500, 3000, { start: 2900, end: 3000 }],
    [3000, 1, 3000, undefined],
    [4_000_000_000, 0, 3000, undefined],
    [0, 0, 0, { start: 0, end: 0 }],
    [0, 0, 20_000, { start: 0, end: 10_000 }],
  ])('offset %i, length %i of %i', (offset, length, chunkLength, range) => {
    expect(requestedRange(offset, length, chunkLength, 10_000)).toEqual(range);
  });
});

describe('addresses', () => {
  it('of the responder are the ones that the prototype writes', () => {
    const cid = Xid.of(PrincipalType.CID, 'dd'.repeat(20));
    expect(responderDag(hostDag(AD, HID), cid).toDagText()).toBe(`DAG 0 2 - ${AD} 1 - ${HID} 2 - ${cid}`);
    expect(responderDag(hostDag(undefined, HID), cid).toDagText()).toBe(`DAG 0 1 - ${HID} 1 - ${cid}`);
  });

  it('past the caches name the CID behind its host only', () => {
    const cid = Xid.of(PrincipalType.CID, 'dd'.repeat(20));
    expect(originDag(contentDag(AD, HID, cid)).equals(Dag.parse(`RE ${AD} ${HID} ${cid}`))).toBe(true);
    expect(originDag(Dag.parse(`RE ${cid}`)).toString()).toBe(`RE ${cid}`);
  });
});

describe('Responder', () => {
  it('answers the captured request with the captured bytes of the prototype', () => {
    const captured = (name: string): Uint8Array => {
      const frame = frames.get(name);
      if (frame === undefined) throw new Error(`no frame ${name}`);
      return frame.subarray(14);
    };
    const request = viewOf(captured('CID-op1'));
    const chunk = Uint8Array.from({ length: 3000 }, (_, i) => 65 + (i % 26));
    const last = viewOf(captured('CID-op2-off2344')).sourceDag().nodes;
    const local = Dag.build(
      [0],
      [
        { xid: last[0]!.xid, edges: [1] },
        { xid: last[1]!.xid, edges: [] },
      ],
    );
    const parsed = parseChunk(request.payload());
    if (parsed.opcode !== 'request') throw new Error('not a request');
    const packets: Uint8Array[] = [];
    const stored = { bytes: chunk, expiresAt: NEVER };
    new Responder().respond(request, parsed, stored, 1400, local, 0, (head, data) => packets.push(concatBytes(head, data)));
    const names = ['CID-op2-off0', 'CID-op2-off1172', 'CID-op2-off2344'];
    // A captured frame has travelled: its hop limit and its marks are those of that place.
    const asSent = (packet: Uint8Array): string => {
      const copy = packet.slice();
      copy[4] = 250;
      copy[7] = 0xff;
      for (let node = 0; node < copy[5]! + copy[6]!; node++) {
        for (let at = 8 + 28 * node + 24; at < 8 + 28 * node + 28; at++) copy[at] = copy[at]! & 0x7f;
      }
      return toHex(copy);
    };
    expect(packets.map(asSent)).toEqual(names.map((name) => asSent(captured(name))));
  });

  it('fills packets of the MTU with exactly the bytes asked for', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 5000 }),
        fc.nat({ max: 5000 }),
        fc.nat({ max: 5000 }),
        fc.integer({ min: 240, max: 2000 }),
        (length, offset, asked, mtu) => {
          const chunk = publishable(length, length);
          const range = requestedRange(offset, asked, length, 256 * 1024);
          const packets = answers(chunk, offset, asked, mtu);
          let at = range?.start ?? 0;
          const end = range?.end ?? 0;
          for (const packet of packets) {
            expect(packet.length).toBeLessThanOrEqual(mtu);
            const view = viewOf(packet);
            const payload = view.payload();
            const segment = parseChunk(payload);
            if (segment.opcode !== 'response') throw new Error('not a response');
            expect([segment.offset, segment.chunkLength]).toEqual([at, length]);
            expect(payload.subarray(segment.dataOffset)).toEqual(chunk.bytes.subarray(at, at + segment.length));
            if (at + segment.length < end) expect(packet.length).toBe(mtu);
            at += segment.length;
          }
          expect(at).toBe(end);
          expect(packets.length === 0).toBe(range === undefined);
        },
      ),
    );
  });

  it('answers for an empty chunk', () => {
    expect(answers(publishable(1, 0), 0, 0)).toHaveLength(1);
  });

  it('bounds what one request costs', () => {
    const responder = new Responder({ maxBytesPerRequest: 10_000 });
    const total = answers(publishable(1, 100_000), 0, 0, 1400, responder).length;
    expect(total).toBe(Math.ceil(10_000 / 1172));
    expect(responder.counters).toMatchObject({ requests: 1, segments: total, bytes: 10_000 });
  });

  it('refuses what cannot be answered, and counts it', () => {
    const responder = new Responder();
    expect(answers(publishable(1, 100), 100, 0, 1400, responder)).toEqual([]);
    expect(answers(publishable(1, 100), 0, 0, 200, responder)).toEqual([]);
    expect(responder.counters).toMatchObject({ outOfRange: 1, mtuTooSmall: 1, segments: 0 });
  });

  it('tells the lifetime that is left, and its new address after a move', () => {
    const chunk = publishable(1, 100);
    const responder = new Responder();
    const stored = { bytes: chunk.bytes, expiresAt: 65_500 };
    const sent: XipView[] = [];
    for (const ad of ['11', '12']) {
      const local = hostDag(Xid.of(PrincipalType.AD, ad.repeat(20)), HID);
      const request = { offset: 0, length: 0 };
      responder.respond(requestFor(chunk, 0, 0), request, stored, 1400, local, 5000, (head, data) =>
        sent.push(viewOf(concatBytes(head, data))),
      );
    }
    const segment = parseChunk(sent[0]!.payload());
    expect(segment.opcode === 'response' && segment.ttlSeconds).toBe(60);
    expect(sent.map((view) => toHex(view.sourceDag().nodes[0]!.xid.id).slice(0, 2))).toEqual(['11', '12']);
    expect(sent[1]!.destinationDag().equals(CLIENT)).toBe(true);
  });
});

describe('LocalContent', () => {
  function content(budgetBytes = 100_000): { readonly local: Set<string>; readonly node: LocalContent } {
    const local = new Set<string>();
    const node = new LocalContent({
      cache: { crypto, budgetBytes },
      onLocal: (id) => {
        expect(local.has(toHex(id))).toBe(false);
        local.add(toHex(id));
      },
      onGone: (id) => expect(local.delete(toHex(id))).toBe(true),
    });
    return { local, node };
  }

  it('learns a chunk of one segment at once, of more when the last one came by', () => {
    const { local, node } = content();
    const small = publishable(1, 500);
    expect(answers(small, 0, 0).map((packet) => node.observe(viewOf(packet), 0))).toEqual(['inserted']);
    const large = publishable(2, 3000);
    const packets = answers(large, 0, 0).toReversed();
    expect(packets.map((packet) => node.observe(viewOf(packet), 0))).toEqual(['partial', 'partial', 'inserted']);
    expect(node.observe(viewOf(packets[0]!), 0)).toBe('known');
    expect(node.find(large.id, 1)?.bytes).toEqual(large.bytes);
    expect(local).toEqual(new Set([toHex(small.id), toHex(large.id)]));
  });

  it('serves no content that is not what its CID says, came it in one segment or in several, and keeps none once it knows', () => {
    const { local, node } = content();
    for (const chunk of [publishable(1, 500), publishable(2, 3000)]) {
      const packets = answers(chunk, 0, 0);
      packets[0]![packets[0]!.length - 1]! ^= 1;
      expect(packets.map((packet) => node.observe(viewOf(packet), 0)).at(-1)).toBe('inserted');
      expect(node.find(chunk.id, 1)).toBeUndefined();
      expect(packets.map((packet) => node.observe(viewOf(packet), 2)).at(-1)).toBe('refused');
    }
    const { foundWrong, wrongHash } = node.cache.counters;
    expect([local.size, foundWrong, wrongHash, node.assembler.size]).toEqual([0, 2, 2, 0]);
  });

  it('leaves requests, other packets and everything else alone', () => {
    const { node } = content();
    expect(node.observe(requestFor(publishable(1, 10), 0, 0), 0)).toBe('not-a-chunk');
    const other = encodeXip({ nextHeader: NextHeader.NONE, destination: CLIENT, source: CLIENT, payload: new Uint8Array(3) });
    expect(node.observe(viewOf(other), 0)).toBe('not-a-chunk');
    const off = content(0);
    expect(off.node.observe(viewOf(answers(publishable(1, 10), 0, 0)[0]!), 0)).toBe('not-a-chunk');
  });

  it('does not change the packet that it looks at', () => {
    const { node } = content();
    const packet = answers(publishable(1, 500), 0, 0)[0]!;
    const before = packet.slice();
    node.observe(viewOf(packet), 0);
    expect(packet).toEqual(before);
  });

  it('says that a chunk is here as long as it is published or cached', () => {
    const { local, node } = content();
    const chunk = publishable(1, 500);
    const key = toHex(chunk.id);
    node.observe(viewOf(answers(chunk, 0, 0)[0]!), 0);
    expect(node.publish(chunk.id, chunk.bytes, 0, 100)).toBe('stored');
    expect([local.has(key), node.cache.size]).toEqual([true, 0]);
    expect(node.observe(viewOf(answers(chunk, 0, 0)[0]!), 0)).toBe('known');
    expect(node.nextTimeout()).toBe(100);
    node.handleTimeout(100);
    expect(local.size).toBe(0);
    node.publish(chunk.id, chunk.bytes, 200);
    node.publish(chunk.id, chunk.bytes, 200);
    node.unpublish(chunk.id);
    expect(local.has(key)).toBe(true);
    node.unpublish(chunk.id);
    expect(local.size).toBe(0);
  });

  it('forgets cached chunks in time and for want of room', () => {
    const { local, node } = content(2000);
    for (let n = 0; n < 5; n++) node.observe(viewOf(answers(publishable(n, 500), 0, 0)[0]!), 0);
    expect(local.size).toBe(2);
    node.handleTimeout(86_400_000);
    expect(local.size).toBe(0);
  });
});
