import { expect, test } from 'vitest';
import { hostDag, parseChunk, PrincipalType, serviceDag, Xid, XipView } from 'xia-core';
import { Responder } from '../../../xia-core/src/content/index.js';
import { responderDag } from '../../../xia-core/src/content/responder-address.js';
import { concatBytes } from '../../../xia-core/src/bytes/index.js';
import { encodeXip, NextHeader } from '../../../xia-core/src/wire/index.js';

const xid = (type: number, byte: number) => new Xid(type, new Uint8Array(20).fill(byte));
const AD = xid(PrincipalType.AD, 1);
const HID = xid(PrincipalType.HID, 2);
const CID = xid(PrincipalType.CID, 3);
const LOCAL = hostDag(AD, HID);

function request(): XipView {
  const source = serviceDag(xid(PrincipalType.AD, 4), xid(PrincipalType.HID, 5), xid(PrincipalType.SID, 6));
  const view = new XipView();
  view.reset(encodeXip({ nextHeader: NextHeader.CHUNK, destination: responderDag(LOCAL, CID), source, payload: [] }));
  return view;
}

const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff);

function answer(range: { offset: number; length: number }, mtu: number) {
  const singly: Uint8Array[] = [];
  const together: Uint8Array[] = [];
  let runs = 0;
  const chunk = { bytes, expiresAt: Number.POSITIVE_INFINITY };
  const one = new Responder();
  one.respond(request(), range, chunk, mtu, LOCAL, 0, (head, data) => singly.push(concatBytes(head, data)));
  const other = new Responder();
  other.respond(
    request(),
    range,
    chunk,
    mtu,
    LOCAL,
    0,
    (head, data) => together.push(concatBytes(head, data)),
    (run, packetBytes) => {
      runs++;
      expect(run.length).toBeLessThanOrEqual(65_507);
      for (let at = 0; at < run.length; at += packetBytes) together.push(run.slice(at, at + packetBytes));
    },
  );
  expect(other.counters).toEqual(one.counters);
  return { singly, together, runs };
}

test.each([
  [{ offset: 0, length: 0 }, 1472],
  [{ offset: 5, length: 60_000 }, 1472],
  [{ offset: 0, length: 1300 }, 1472],
  [{ offset: 299_000, length: 0 }, 1472],
  [{ offset: 0, length: 60_000 }, 1280],
  [{ offset: 1, length: 0 }, 9000],
  [{ offset: 0, length: 0 }, 40_000],
  [{ offset: 0, length: 0 }, 65_507],
])('what leaves together is what would leave one by one: %o, MTU %i', (range, mtu) => {
  const { singly, together, runs } = answer(range, mtu);
  expect(together).toEqual(singly);
  expect(runs > 0).toBe(singly.length > 1 && mtu < 32_000);
  const view = new XipView();
  for (const packet of together) {
    expect(view.reset(packet)).toBeUndefined();
    expect(parseChunk(view.payload()).opcode).toBe('response');
  }
});
