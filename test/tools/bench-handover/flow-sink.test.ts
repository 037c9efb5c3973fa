import { describe, expect, it } from 'vitest';
import { flowDatagram, flowQuestion, FlowSink, parseFlowAccount } from '../../../tools/src/bench-handover/flow-sink.js';
import { lossesBy } from '../../../tools/src/bench-handover/losses.js';

function ask(sink: FlowSink, flow: number, sent: number) {
  return parseFlowAccount(sink.take(flowQuestion(flow, sent)) ?? new Uint8Array());
}

describe('FlowSink', () => {
  it('says what is missing of a flow, and begins anew with another', () => {
    const sink = new FlowSink();
    for (const sequence of [0, 1, 3, 3, 6]) expect(sink.take(flowDatagram(7, sequence, 64))).toBeUndefined();
    expect(ask(sink, 7, 8)).toEqual({
      flow: 7,
      received: 4,
      duplicates: 1,
      lost: 4,
      missing: [
        [2, 2],
        [4, 5],
        [7, 7],
      ],
    });
    sink.take(flowDatagram(8, 0, 64));
    expect(ask(sink, 8, 1)).toEqual({ flow: 8, received: 1, duplicates: 0, lost: 0, missing: [] });
    expect(ask(sink, 7, 2)).toEqual({ flow: 7, received: 0, duplicates: 0, lost: 2, missing: [[0, 1]] });
  });

  it('answers in one datagram, however much is missing, and takes no sequence that it has no room for', () => {
    const sink = new FlowSink();
    sink.take(flowDatagram(1, 0xffff_ffff, 9));
    for (let sequence = 100_001; sequence < 110_000; sequence += 2) sink.take(flowDatagram(1, sequence, 9));
    const account = ask(sink, 1, 110_000);
    expect([account?.received, account?.lost, account?.missing.length]).toEqual([5000, 105_000, 60]);
    expect(account?.missing[0]).toEqual([0, 100_000]);
    expect(sink.take(flowQuestion(1, 110_000))?.length).toBeLessThan(1300);
  });

  it('takes no notice of other datagrams', () => {
    const sink = new FlowSink();
    expect([new Uint8Array(), Uint8Array.of(2, 0, 0), new Uint8Array(9).fill(9)].map((bytes) => sink.take(bytes))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(parseFlowAccount(Buffer.from('{"flow":1}'))).toBeUndefined();
  });
});

describe('lossesBy', () => {
  it('sorts what was lost by when it was sent', () => {
    const move = { stoppedAtMs: 100, resumedAtMs: 200 };
    expect(lossesBy([99, 100, 150, 199.5, 200], move)).toEqual({ before: 1, during: 3, after: 1 });
  });
});
