import { beforeEach, expect, it } from 'vitest';
import { Dag, decodeXcmp, encodeXip, NextHeader, XcmpType, XipView } from 'xia-core';
import { XcmpAnswers } from '../../../xia-core/src/stack/xcmp-answers.js';

const HERE = Dag.parse(`RE AD:${'a'.repeat(40)} HID:${'1'.repeat(40)}`);
const SOURCE = Dag.parse(`RE AD:${'b'.repeat(40)} HID:${'2'.repeat(40)}`);
const BROADCAST = Dag.parse(`RE HID:${'f'.repeat(40)} SID:${'3'.repeat(40)}`);

let sent: { destination: Dag; payload: Uint8Array }[];
let answers: XcmpAnswers;
beforeEach(() => {
  sent = [];
  answers = new XcmpAnswers(
    (_nextHeader, destination, _source, payload) => void sent.push({ destination, payload }),
    () => HERE,
  );
});

function viewOf(destination: Dag, source: Dag, edit: (packet: Uint8Array) => void = () => {}): XipView {
  const packet = encodeXip({ nextHeader: NextHeader.TRANSPORT, destination, source, payload: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9) });
  edit(packet);
  const view = new XipView();
  expect(view.reset(packet)).toBeUndefined();
  return view;
}
const report = (view: XipView, now = 0) => answers.error(XcmpType.UNREACHABLE, 1, view, 1, 1, now);

it('quotes the header and eight bytes, and has zeros where the prototype sends its memory', () => {
  const view = viewOf(HERE, SOURCE);
  report(view);
  expect(sent[0]!.destination.equals(SOURCE)).toBe(true);
  const { payload } = sent[0]!;
  expect(payload.subarray(4, 52)).toEqual(new Uint8Array(48));
  expect(payload.subarray(52)).toEqual(view.bytes.slice(0, view.headerBytes + 8));
  expect(decodeXcmp(payload)).toMatchObject({ kind: 'error', type: XcmpType.UNREACHABLE, code: 1 });
});

it('says nothing about broadcasts, nor to them', () => {
  report(viewOf(BROADCAST, SOURCE));
  report(viewOf(HERE, BROADCAST));
  expect([sent.length, answers.counters.errorsUnanswerable]).toEqual([0, 2]);
});

it('says nothing to a source that is no address', () => {
  // The edge of its sink leads from the source past the first node, which so has no way in.
  const sourceEdges = 8 + 2 * 28 + 24;
  report(viewOf(HERE, SOURCE, (packet) => packet.set([1, 0x7f, 0x7f, 0x7f], sourceEdges + 28)));
  expect([sent.length, answers.counters.errorsUnanswerable]).toEqual([0, 1]);
});

it('says at most fifty errors at once and a hundred a second', () => {
  for (let n = 0; n < 60; n++) report(viewOf(HERE, SOURCE));
  expect(sent.length).toBe(50);
  for (let n = 0; n < 60; n++) report(viewOf(HERE, SOURCE), 100);
  expect(sent.length).toBe(60);
});
