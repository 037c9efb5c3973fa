import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../xia-core/src/bytes/index.js';
import { contentDag, Dag, hostDag, linkLocalDag, MAX_DAG_NODES, serviceDag, XIP_NODE_BYTES } from '../../../xia-core/src/dag/index.js';
import { PrincipalType, SID_BOOTSTRAP, Xid } from '../../../xia-core/src/xid/index.js';
import { dag, graph, xid } from './arbitraries.js';

const AD = `AD:${'a1'.repeat(20)}`;
const HID = `HID:${'b2'.repeat(20)}`;
const SID = `SID:${'c3'.repeat(20)}`;
const CID = `CID:${'d4'.repeat(20)}`;
const x = (text: string) => Xid.parse(text);

describe('properties', () => {
  test('text and wire there and back', () => {
    fc.assert(
      fc.property(dag, (address) => {
        expect(Dag.parse(address.toDagText()).equals(address)).toBe(true);
        expect(Dag.parse(address.toString()).equals(address)).toBe(true);
        expect(Dag.fromWire(address.wire, 0, address.count).equals(address)).toBe(true);
        expect(Dag.parse(address.toString()).key).toBe(address.key);
      }),
    );
  });

  test('the same graph with its nodes in another order is the same address', () => {
    fc.assert(
      fc.property(graph, fc.infiniteStream(fc.nat()), ({ sourceEdges, nodes }, picks) => {
        const places = nodes
          .map((_, i) => ({ i, pick: picks.next().value as number }))
          .toSorted((a, b) => a.pick - b.pick)
          .map(({ i }) => i);
        const shuffled = places.map((old) => ({
          xid: nodes[old]!.xid,
          edges: nodes[old]!.edges.map((to) => places.indexOf(to)),
        }));
        const other = Dag.build(
          sourceEdges.map((to) => places.indexOf(to)),
          shuffled,
        );
        expect(toHex(other.wire)).toBe(toHex(Dag.build(sourceEdges, nodes).wire));
      }),
    );
  });

  test('every edge but those of the source leads forwards, and the sink is last', () => {
    fc.assert(
      fc.property(graph, ({ sourceEdges, nodes }) => {
        const address = Dag.build(sourceEdges, nodes);
        expect(address.intent.equals(nodes.find((node) => node.edges.length === 0)!.xid)).toBe(true);
        for (const [i, node] of address.nodes.slice(0, -1).entries()) {
          for (const to of node.edges) expect(to).toBeGreaterThan(i);
        }
      }),
    );
  });

  test('visited marks are not part of the address', () => {
    fc.assert(
      fc.property(dag, fc.nat(3), (address, slot) => {
        const bytes = Uint8Array.from(address.wire);
        for (let at = 24; at < bytes.length; at += XIP_NODE_BYTES) bytes[at + slot]! |= 0x80;
        expect(Dag.fromWire(bytes, 0, address.count).equals(address)).toBe(true);
      }),
    );
  });

  test('any bytes are a DAG that prints and reads, or a reason', () => {
    const edges = fc.array(fc.constantFrom(0, 1, 2, 3, 0x7f, 0x7f, 0x81, 0xff), { minLength: 4, maxLength: 4 });
    const type = fc.oneof(fc.constantFrom(0x10, 0x11, 0x13), fc.nat(0xff));
    const node = fc.tuple(type, xid, edges).map(([code, id, slots]) => [0, 0, 0, code, ...id.id, ...slots]);
    fc.assert(
      fc.property(fc.array(node, { minLength: 1, maxLength: 4 }), (nodes) => {
        const result = Dag.tryFromWire(Uint8Array.from(nodes.flat()), 0, nodes.length);
        if (result instanceof Dag) expect(Dag.parse(result.toString()).equals(result)).toBe(true);
        else expect(result.reason).not.toBe('');
      }),
      { numRuns: 1000 },
    );
  });

  test('any text is a DAG or a reason with a position in it', () => {
    const word = fc.constantFrom('RE', 'DAG', '(', ')', '-', '0', '1', '2', '4', AD, HID, SID, 'HID:12', 'x');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 9 }), fc.string({ maxLength: 3 }), (words, tail) => {
        const text = words.join(' ') + tail;
        const result = Dag.tryParse(text);
        if (result instanceof Dag) expect(Dag.parse(result.toString()).equals(result)).toBe(true);
        else expect(result.position >= 0 && result.position <= text.length && result.reason !== '').toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('refused texts', () => {
  test.each([
    ['', 0, 'begins with'],
    [HID, 0, 'begins with'],
    [`re ${HID}`, 0, 'begins with'],
    [`RE${HID}`, 0, 'begins with'],
    ['RE', 2, 'XID must follow'],
    ['DAG', 3, 'node number'],
    ['RE ( )', 5, 'empty fallback'],
    [`RE ( ) ${HID}`, 5, 'empty fallback'],
    [`RE ( ${AD} )`, 50, 'without the XID'],
    [`RE ( ${AD} ${HID}`, 3, 'without ")"'],
    [`RE ( ${AD} ) ( ${HID} ) ${SID}`, 51, '"(" before'],
    [`RE ( ( ${AD} ) ${HID} ) ${SID}`, 5, '"(" before'],
    [`RE ${AD} ) ${HID}`, 47, 'without "("'],
    [`RE ( ${AD} ) ) ${HID}`, 51, 'without "("'],
    [`RE ( ${AD}) ${HID}`, 5, 'hexadecimal digits only'],
    [`RE -1 ${HID}`, 3, 'TYPE:'],
    [`RE XYZ:${'00'.repeat(20)}`, 3, 'principal type'],
    ['RE HID:12', 3, '40 hexadecimal digits'],
    [`DAG ${HID}`, 4, '"-" must follow'],
    [`DAG 0 ${HID}`, 6, '"-" must follow'],
    [`DAG - ${HID}`, 0, 'source has no edge'],
    ['DAG 0 -', 7, 'ends after an edge list'],
    [`DAG 0 - ${AD} 1 - ${HID} 0 -`, 104, 'ends after an edge list'],
    [`DAG 0 - ${AD} 1 - ${HID} - -`, 103, 'XID'],
    [`DAG 0 0 - ${AD}`, 6, 'two edges'],
    [`DAG 1 - ${HID}`, 4, 'dangling'],
    [`DAG 0 - ${AD} 7 - ${HID}`, 52, 'dangling'],
    [`DAG 0 1 - ${AD} - ${HID}`, 10, 'two sinks'],
    [`DAG 1 - ${AD} 1 - ${HID}`, 8, 'second source'],
    [`DAG 0 - ${AD} 0 - ${HID}`, 56, 'second source'],
    [`DAG 0 - ${AD} 0 1 - ${HID}`, 8, 'cycle'],
    [`DAG 0 2 - ${AD} 1 2 - ${HID} 0 2 - ${SID}`, 10, 'cycle'],
    [`DAG 0 1 2 3 4 - ${AD}`, 12, 'more than 4'],
    [`DAG 99999999999999999999 - ${AD}`, 4, 'dangling'],
    [`RE ${`${AD} `.repeat(MAX_DAG_NODES + 1)}`, 3 + 44 * MAX_DAG_NODES, 'at most 127 nodes'],
    [`RE ${' '.repeat(20_000)}`, 16_384, 'longer than'],
  ])('%#: %s', (text, position, reason) => {
    expect(Dag.tryParse(text)).toEqual({ position, reason: expect.stringContaining(reason) });
    expect(() => Dag.parse(text)).toThrow(
      expect.objectContaining({ code: 'bad-dag', context: expect.objectContaining({ position, text }) }),
    );
  });
});

describe('accepted texts', () => {
  test.each([
    [`  RE\t${AD}\n${HID} `, `RE ${AD} ${HID}`],
    [`DAG 0 - ${AD} 1 - ${HID} -`, `RE ${AD} ${HID}`],
    [`DAG 0 -\n${AD} 1 -\n${HID}`, `RE ${AD} ${HID}`],
    [`RE ( ${AD} ${HID} ) ${SID}`, `RE ( ${AD} ${HID} ) ${SID}`],
    [`DAG 2 0 - ${AD} 1 - ${HID} 2 - ${SID}`, `DAG 2 0 - ${AD} 1 - ${HID} 2 - ${SID}`],
    [`DAG 0 2 - ${AD} 2 1 - ${HID} 2 - ${SID}`, `DAG 0 2 - ${AD} 2 1 - ${HID} 2 - ${SID}`],
  ])('%j', (text, canonical) => {
    expect(Dag.parse(text).toString()).toBe(canonical);
  });

  test('a fallback that is protected by another one has no RE form', () => {
    expect(Dag.parse(`DAG 2 0 - ${AD} 1 - ${HID} 2 - ${SID}`).toReText()).toBeNull();
    expect(Dag.parse(`DAG 1 2 0 - ${AD} 3 - ${HID} 3 - ${SID} 3 - ${CID}`).toReText()).toBeNull();
  });

  test('as many nodes as an index can name', () => {
    const address = Dag.parse(`RE ${`${AD} `.repeat(MAX_DAG_NODES)}`);
    expect(address.count).toBe(MAX_DAG_NODES);
    expect(Dag.parse(address.toDagText()).equals(address)).toBe(true);
  });
});

describe('wire', () => {
  test('nodes in another order are put in order', () => {
    const canonical = Dag.parse(`RE ( ${AD} ${HID} ) ${SID}`);
    const swapped = Uint8Array.from([
      ...canonical.wire.subarray(28, 56),
      ...canonical.wire.subarray(0, 28),
      ...canonical.wire.subarray(56),
    ]);
    swapped.set([0x02, 0x00], 28 + 24);
    swapped.set([0x02, 0x01], 56 + 24);
    expect(Dag.fromWire(swapped, 0, 3).equals(canonical)).toBe(true);
  });

  test('the bytes are copied, out of a Buffer too', () => {
    const address = Dag.parse(`RE ${AD} ${HID}`);
    const buffer = Buffer.concat([Buffer.from([1, 2, 3]), address.wire]);
    const read = Dag.fromWire(buffer, 3, 2);
    buffer.fill(0);
    expect(read.equals(address)).toBe(true);
    expect(read.toString()).toBe(`RE ${AD} ${HID}`);
  });

  test.each([
    ['a hole in the slots', '7f007f7f', 'dangling'],
    ['no source edge', '7f7f7f7f', 'source'],
    ['an index past the end', '017f7f7f', 'dangling'],
  ])('%s is refused', (_name, edges, reason) => {
    const bytes = Uint8Array.from(Buffer.from(`00000011${'b2'.repeat(20)}${edges}`, 'hex'));
    expect(Dag.tryFromWire(bytes, 0, 1)).toMatchObject({ reason: expect.stringContaining(reason) });
    expect(() => Dag.fromWire(bytes, 0, 1)).toThrow(expect.objectContaining({ code: 'bad-dag' }));
  });

  test.each([0x00, 0xff])('the reserved principal type %i is refused, as in text', (type) => {
    const { wire } = Dag.parse(`RE ${AD} ${HID}`);
    const bytes = Uint8Array.from(wire);
    bytes[XIP_NODE_BYTES + 3] = type;
    expect(Dag.tryFromWire(bytes, 0, 2)).toEqual({ node: 1, reason: expect.stringContaining('reserved') });
    const build = () => Dag.build([0], [{ xid: new Xid(type, new Uint8Array(20)), edges: [] }]);
    expect(build).toThrow(expect.objectContaining({ code: 'bad-dag' }));
    expect(Dag.tryParse(`RE 0x${type.toString(16)}:${'00'.repeat(20)}`)).toMatchObject({ position: 3 });
  });

  test('counts and bounds', () => {
    const { wire } = Dag.parse(`RE ${AD}`);
    for (const [offset, count] of [
      [0, 0],
      [0, 2],
      [1, 1],
      [-1, 1],
      [0, 128],
      [0, -1],
    ] as const) {
      expect(Dag.tryFromWire(wire, offset, count)).not.toBeInstanceOf(Dag);
    }
  });
});

describe('builders', () => {
  test.each([
    ['hostDag', hostDag(x(AD), x(HID)), `RE ${AD} ${HID}`],
    ['hostDag without AD', hostDag(undefined, x(HID)), `RE ${HID}`],
    ['serviceDag', serviceDag(x(AD), x(HID), x(SID)), `RE ${AD} ${HID} ${SID}`],
    ['serviceDag without AD', serviceDag(undefined, x(HID), x(SID)), `RE ${HID} ${SID}`],
    ['contentDag', contentDag(x(AD), x(HID), x(CID)), `RE ( ${AD} ${HID} ) ${CID}`],
    ['contentDag without AD', contentDag(undefined, x(HID), x(CID)), `RE ( ${HID} ) ${CID}`],
    ['linkLocalDag', linkLocalDag(SID_BOOTSTRAP), `RE HID:${'ff'.repeat(20)} SID:1110000000000000000000000000000000001111`],
    ['withIntent', Dag.parse(`RE ( ${AD} ${HID} ) ${CID}`).withIntent(x(SID)), `RE ( ${AD} ${HID} ) ${SID}`],
    ['withIntent of one node', hostDag(undefined, x(HID)).withIntent(x(SID)), `RE ${SID}`],
  ])('%s', (_name, address, text) => {
    expect(address.toString()).toBe(text);
    expect(JSON.parse(JSON.stringify(address))).toBe(text);
  });

  test('find and intent', () => {
    const address = Dag.parse(`RE ${AD} ( AD:${'11'.repeat(20)} ) ${HID} ${SID}`);
    expect(String(address.find(PrincipalType.AD))).toBe(AD);
    expect(String(address.find(PrincipalType.HID))).toBe(HID);
    expect(address.find(PrincipalType.CID)).toBeUndefined();
    expect(String(address.intent)).toBe(SID);
  });

  test('build refuses what is not a DAG', () => {
    const node = (...edges: number[]) => ({ xid: x(HID), edges });
    for (const [source, nodes] of [
      [[], [node()]],
      [[0], []],
      [[0], [node(1), node(0)]],
      [
        [0, 1],
        [node(), node()],
      ],
      [[0], [node(1, 2, 3, 4, 5), node(5), node(5), node(5), node(5), node()]],
      [[0.5], [node()]],
      [[-1], [node()]],
    ] as const) {
      expect(() => Dag.build(source, nodes)).toThrow(expect.objectContaining({ code: 'bad-dag' }));
    }
  });
});
