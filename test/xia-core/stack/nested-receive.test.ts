import { expect, test } from 'vitest';
import { Dag, ForwardingEngine, PrincipalType, Xid } from 'xia-core';
import { FaceTable } from '../../../xia-core/src/stack/face-table.js';
import { PacketPath } from '../../../xia-core/src/stack/packet-path.js';
import { encodeXip, NextHeader } from '../../../xia-core/src/wire/index.js';

const [OURS, FAR] = [1, 2].map((byte) => new Xid(PrincipalType.HID, new Uint8Array(20).fill(byte))) as [Xid, Xid];

const packetTo = (xid: Xid) => {
  const dag = Dag.parse(`RE ${xid.toString()}`);
  return encodeXip({ nextHeader: NextHeader.TRANSPORT, destination: dag, source: dag, payload: new Uint8Array(8) });
};

/** A node that is given a packet of its own memory whenever one is delivered. */
function interrupted() {
  const engine = new ForwardingEngine();
  const faces = new FaceTable();
  const face = faces.add({ name: 'face', role: 'peer', mtu: 1472 });
  engine.setLocal(OURS);
  engine.route(FAR, { face, neighbour: 2 });
  const lent: boolean[] = [];
  const kept: Uint8Array[] = [];
  let isNested = false;
  const path: PacketPath = new PacketPath({
    engine,
    faces,
    transmit: (_face, _neighbour, _packet, _body, isLent = false) => lent.push(isLent) > 0,
    deliver: (view) => {
      kept.push(view.bytes);
      if (isNested) return true;
      isNested = true;
      path.receive(face, 1, packetTo(OURS), 0);
      path.receiveRun(face, 1, packetTo(FAR), packetTo(FAR).length, 0);
      isNested = false;
      return true;
    },
    deliverRun: () => {},
    observesChunks: () => false,
    observe: () => {},
    leaving: () => false,
    passed: () => {},
    redirect: () => {},
    report: () => {},
  });
  return { path, face, lent, kept };
}

test('a packet that comes in while another is delivered does not make those behind that one the own memory of anybody', () => {
  const { path, face, lent, kept } = interrupted();
  const [ours, far] = [packetTo(OURS), packetTo(FAR)];
  const run = new Uint8Array([...ours, ...far, ...ours]);
  path.receiveRun(face, 1, run, ours.length, 0, true);
  // The one that came in between is its own; the one behind it lies in memory that is lent, as those that are delivered do.
  expect(lent).toEqual([false, true, false]);
  for (const packet of kept) expect(packet.buffer).not.toBe(run.buffer);
  expect(path.counters()).toMatchObject({ received: 7, delivered: 4, forwarded: 3 });
});

test('afterwards nothing is lent any more, whatever a handler has thrown', () => {
  const { path, face, lent } = interrupted();
  path.receive(face, 1, packetTo(OURS), 0, true);
  path.originate(packetTo(FAR), 0);
  expect(lent).toEqual([false, false]);
});
