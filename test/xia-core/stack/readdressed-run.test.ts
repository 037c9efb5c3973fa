import { expect, it } from 'vitest';
import { Dag, ForwardingEngine, PrincipalType, Xid } from 'xia-core';
import { readdress } from '../../../xia-core/src/mobility/readdress.js';
import { FaceTable } from '../../../xia-core/src/stack/face-table.js';
import { PacketPath } from '../../../xia-core/src/stack/packet-path.js';
import { encodeXip, NextHeader, XIP_HEADER_BYTES, XipView } from '../../../xia-core/src/wire/index.js';

const PACKET_BYTES = 200;
const xid = (type: number, byte: number) => new Xid(type, new Uint8Array(20).fill(byte));
const [OLD, NEW, HOST] = [xid(PrincipalType.AD, 1), xid(PrincipalType.AD, 2), xid(PrincipalType.HID, 3)];
const dag = (ad: Xid) => Dag.parse(`RE ${ad.toString()} ${HOST.toString()}`);

/** A node that knows the way to the new AD only, and that the host has moved there. */
function path(mtu: number) {
  const sent: Uint8Array[] = [];
  const engine = new ForwardingEngine();
  const faces = new FaceTable();
  engine.route(NEW, { face: faces.add({ name: 'out', role: 'peer', mtu }), neighbour: 1 });
  const packets = new PacketPath({
    engine,
    faces,
    transmit: (_face, _neighbour, packet) => sent.push(packet.slice()) > 0,
    deliver: () => true,
    deliverRun: () => false,
    observesChunks: () => false,
    observe: () => {},
    leaving: ({ bytes }) => readdress(bytes, XIP_HEADER_BYTES, 1, { ad: NEW.id, left: [OLD.id] }),
    passed: () => {},
    redirect: () => {},
    report: () => {},
  });
  return { packets, sent };
}

it.each([
  ['fits', 1472],
  ['does not fit the face', PACKET_BYTES - 1],
])('a run that starts here and %s goes to where its host is, as its packets would one by one', (_what, mtu) => {
  const payload = (fill: number, bytes: number) => new Uint8Array(bytes - XIP_HEADER_BYTES - 3 * 28).fill(fill);
  const packet = (ad: Xid, fill: number, bytes = PACKET_BYTES) =>
    encodeXip({
      nextHeader: NextHeader.TRANSPORT,
      destination: dag(ad),
      source: Dag.parse(`RE ${HOST.toString()}`),
      payload: payload(fill, bytes),
    });
  const lengths = [PACKET_BYTES, PACKET_BYTES, PACKET_BYTES, 150];
  const { packets, sent } = path(mtu);
  packets.originateRun(Uint8Array.from(Buffer.concat(lengths.map((bytes, fill) => packet(OLD, fill, bytes)))), PACKET_BYTES, 0);
  const singly = path(mtu);
  for (const [fill, bytes] of lengths.entries()) singly.packets.originate(packet(OLD, fill, bytes), 0);
  expect(sent).toEqual(singly.sent);
  expect(packets.counters()).toEqual(singly.packets.counters());
  const view = new XipView();
  for (const bytes of sent) {
    expect(view.reset(bytes)).toBeUndefined();
    expect(view.destinationDag().equals(dag(NEW))).toBe(true);
  }
  expect(sent).toHaveLength(mtu > PACKET_BYTES ? 4 : 1);
});
