import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Dag, ForwardingEngine, PrincipalType, Xid } from 'xia-core';
import { FaceTable } from '../../../xia-core/src/stack/face-table.js';
import { PacketPath } from '../../../xia-core/src/stack/packet-path.js';
import { encodeXip, NextHeader } from '../../../xia-core/src/wire/index.js';

const SMALL_MTU = 300;
const xid = (type: number, byte: number) => new Xid(type, new Uint8Array(20).fill(byte));
const LOCAL = xid(PrincipalType.HID, 1);
const FAR = xid(PrincipalType.HID, 2);
const NARROW = xid(PrincipalType.HID, 3);
const BACK = xid(PrincipalType.HID, 4);
const NOWHERE = xid(PrincipalType.HID, 5);
const FULL = xid(PrincipalType.HID, 6);
const NO_FACE = xid(PrincipalType.HID, 7);
const OUR_AD = xid(PrincipalType.AD, 8);

/** A node with all that it does written down, one line for each effect. */
function recordingPath(options: { runs: boolean; observes: boolean }) {
  const lines: string[] = [];
  const reports: string[] = [];
  const engine = new ForwardingEngine();
  const faces = new FaceTable();
  const [from, out, narrow, full] = ['from', 'out', 'narrow', 'full'].map((name) =>
    faces.add({ name, role: 'peer', mtu: name === 'narrow' ? SMALL_MTU : 65_507 }),
  ) as [number, number, number, number];
  engine.setLocal(LOCAL);
  engine.setLocal(OUR_AD);
  engine.route(FAR, { face: out, neighbour: 3 });
  engine.route(NARROW, { face: narrow, neighbour: 1 });
  engine.route(BACK, { face: from, neighbour: 9 });
  engine.route(FULL, { face: full, neighbour: 1 });
  engine.route(NO_FACE, { face: 99, neighbour: 1 });
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const transmit = (face: number, neighbour: number, packet: Uint8Array) => {
    if (face === full) return false;
    lines.push(`send ${face} ${neighbour} ${hex(packet)}`);
    return true;
  };
  const path = new PacketPath({
    engine,
    faces,
    transmit,
    ...(options.runs && {
      transmitRun: (face: number, neighbour: number, bytes: Uint8Array, segmentBytes: number) => {
        let sent = 0;
        for (let at = 0; at < bytes.length; at += segmentBytes) {
          if (transmit(face, neighbour, bytes.subarray(at, at + segmentBytes))) sent++;
        }
        return sent;
      },
    }),
    deliver: (view, face, neighbour) => {
      if (view.nextHeader !== NextHeader.CHUNK) expect(view.bytes.byteLength).toBe(view.bytes.buffer.byteLength);
      lines.push(`deliver ${face} ${neighbour} ${view.last} ${hex(view.bytes)} ${hex(view.payload())}`);
      return true;
    },
    deliverRun: (view, run, segmentBytes, face, neighbour) => {
      for (let at = 0; at < run.length; at += segmentBytes) {
        expect(view.reset(run.subarray(at, Math.min(at + segmentBytes, run.length)))).toBeUndefined();
        lines.push(`deliver ${face} ${neighbour} ${view.last} ${hex(view.bytes)} ${hex(view.payload())}`);
      }
    },
    observesChunks: () => options.observes,
    observe: (view) => {
      if (view.nextHeader === NextHeader.CHUNK) observed.push(hex(view.bytes));
    },
    leaving: () => false,
    passed: () => {},
    redirect: () => {},
    report: (type, code, view, _face, _neighbour, _now, mtu) => void reports.push(`report ${type} ${code} ${hex(view.bytes)} ${mtu}`),
  });
  const observed: string[] = [];
  return {
    path,
    from,
    effects: () => ({
      lines,
      reports,
      counters: path.counters(),
      engine: engine.counters(),
      observed: options.observes ? observed : [],
    }),
  };
}

/** What one packet is like; packets of one kind are alike. */
const kind = fc.record({
  to: fc.constantFrom(LOCAL, FAR, FAR, FAR, NARROW, BACK, NOWHERE, FULL, NO_FACE),
  viaOurAd: fc.boolean(),
  hopLimit: fc.constantFrom(0, 1, 2, 250),
  nextHeader: fc.constantFrom<number>(NextHeader.TRANSPORT, NextHeader.CHUNK),
  chunkStart: fc.constantFrom('0903020002', '0903020001', '0003020002', 'ff03020006', '09'),
});

interface Kind {
  readonly to: Xid;
  readonly viaOurAd: boolean;
  readonly hopLimit: number;
  readonly nextHeader: number;
  readonly chunkStart: string;
}

const segment = fc.record({
  kind: fc.nat(2),
  /** Mostly none: a byte of the packet is replaced, so that it lies about a length, a count, an edge or a node. */
  spoiled: fc.option(fc.tuple(fc.nat(140), fc.nat(255)), { freq: 6 }),
});

const scene = fc.record({
  kinds: fc.array(kind, { minLength: 3, maxLength: 3 }),
  segmentBytes: fc.oneof(fc.integer({ min: 150, max: 400 }), fc.constantFrom(40, 64, 92, 120)),
  segments: fc.array(segment, { minLength: 1, maxLength: 20 }),
  lastBytes: fc.integer({ min: 1, max: 400 }),
  observes: fc.boolean(),
});

function packetOf({ to, viaOurAd, hopLimit, nextHeader, chunkStart }: Kind, bytes: number, fill: number): Uint8Array {
  const destination = viaOurAd ? Dag.parse(`RE ${OUR_AD.toString()} ${to.toString()}`) : Dag.parse(`RE ${to.toString()}`);
  const source = Dag.parse(`RE ${xid(PrincipalType.HID, 77).toString()}`);
  const headerBytes = encodeXip({ nextHeader, destination, source, payload: [] }).length;
  const payload = Buffer.alloc(Math.max(0, bytes - headerBytes), fill);
  if (nextHeader === NextHeader.CHUNK) Buffer.from(chunkStart, 'hex').copy(payload);
  const uncounted = nextHeader === NextHeader.CHUNK && payload.length >= 5 && chunkStart.startsWith('0903020002') ? 9 : 0;
  const packet = encodeXip({ nextHeader, destination, source, payload, hopLimit, payloadLength: Math.max(0, payload.length - uncounted) });
  return packet.subarray(0, bytes);
}

test.each([true, false])('a run has the effect of its packets one by one (faces that take runs: %s)', (runs) => {
  fc.assert(
    fc.property(scene, ({ kinds, segmentBytes, segments, lastBytes, observes }) => {
      const packets = segments.map(({ kind: index, spoiled }, at) => {
        const bytes = at === segments.length - 1 ? Math.min(lastBytes, segmentBytes) : segmentBytes;
        const packet = packetOf(kinds[index]!, bytes, at);
        const padded = Buffer.alloc(bytes);
        padded.set(packet);
        if (spoiled !== null && spoiled[0] < bytes) padded[spoiled[0]] = spoiled[1];
        return padded;
      });
      const together = recordingPath({ runs, observes });
      together.path.receiveRun(together.from, 9, Uint8Array.from(Buffer.concat(packets)), segmentBytes, 0);
      const singly = recordingPath({ runs: false, observes });
      for (const packet of packets) singly.path.receive(singly.from, 9, Uint8Array.from(packet), 0);
      expect(together.effects()).toEqual(singly.effects());
    }),
    { numRuns: 400 },
  );
});

const originated = fc.record({
  kind,
  segmentBytes: fc.integer({ min: 150, max: 400 }),
  packets: fc.integer({ min: 1, max: 20 }),
  lastBytes: fc.integer({ min: 120, max: 400 }),
});

test.each([true, false])('a run that starts here has the effect of its packets one by one (faces that take runs: %s)', (runs) => {
  fc.assert(
    fc.property(originated, ({ kind: like, segmentBytes, packets, lastBytes }) => {
      const run = Array.from({ length: packets }, (_, at) =>
        packetOf(like, at === packets - 1 ? Math.min(lastBytes, segmentBytes) : segmentBytes, at),
      );
      const together = recordingPath({ runs, observes: false });
      together.path.originateRun(Uint8Array.from(Buffer.concat(run)), segmentBytes, 0);
      const singly = recordingPath({ runs: false, observes: false });
      for (const packet of run) singly.path.originate(Uint8Array.from(packet), 0);
      expect(together.effects()).toEqual(singly.effects());
    }),
    { numRuns: 200 },
  );
});

test('packets that are alike leave as one run, and are decided once', () => {
  const engine = new ForwardingEngine();
  const faces = new FaceTable();
  const [from, out] = [faces.add({ name: 'from', role: 'peer', mtu: 1472 }), faces.add({ name: 'out', role: 'peer', mtu: 1472 })];
  engine.route(FAR, { face: out, neighbour: 3 });
  const runs: object[] = [];
  const path = new PacketPath({
    engine,
    faces,
    transmit: () => false,
    transmitRun: (face, neighbour, bytes, segmentBytes) => {
      runs.push({ face, neighbour, bytes: bytes.length, segmentBytes });
      return Math.ceil(bytes.length / segmentBytes);
    },
    deliver: () => true,
    deliverRun: () => {},
    observesChunks: () => false,
    observe: () => {},
    report: () => {},
    leaving: () => false,
    passed: () => {},
    redirect: () => {},
  });
  const like = { to: FAR, viaOurAd: false, hopLimit: 9, nextHeader: NextHeader.TRANSPORT, chunkStart: '' };
  const bytes = Buffer.concat([...Array.from({ length: 40 }, (_, fill) => packetOf(like, 1000, fill)), packetOf(like, 300, 1)]);
  path.receiveRun(from, 1, bytes, 1000, 0);
  expect(runs).toEqual([{ face: out, neighbour: 3, bytes: 40_300, segmentBytes: 1000 }]);
  expect(engine.counters().forwarded).toBe(41);
  expect(path.counters()['received']).toBe(41);
});
