import { describe, expect, it } from 'vitest';
import { demoChecks, type DemoFacts } from '../../../tools/src/demo/checks.js';

const counter = { startId: 's', ticks: 100, answers: 10, dag: 'RE AD:1 HID:v' };
const sha256 = { source: 'ab', destination: 'ab' };
const good: DemoFacts = {
  expectedHost: 'HOST_B',
  expectedAd: { name: 'AD2', xid: 'AD:2' },
  runsAt: ['HOST_B'],
  counterBefore: counter,
  counterAfter: { ...counter, ticks: 900, answers: 80 },
  ask: { questions: 70, answers: 70, wrong: 0, missing: 0, resets: 0, reconnects: 0, longestGapMs: 300 },
  resolved: 'RE AD:2 HID:v',
  oldDag: { address: 'RE AD:1 HID:v', sent: 20, answered: 20 },
  left: [
    { node: 'HOST_A', stale: undefined },
    { node: 'R1', stale: undefined },
  ],
  moves: [{ outcome: 'moved', reason: '', sha256 }],
};

const failed = (facts: Partial<DemoFacts>) => demoChecks({ ...good, ...facts }).flatMap(({ name, ok }) => (ok ? [] : [name]));

describe('demoChecks', () => {
  it('hold for a good run, seven of them', () => {
    expect(failed({})).toEqual([]);
    expect(demoChecks(good)).toHaveLength(7);
  });

  it.each<[string, Partial<DemoFacts>, RegExp]>([
    ['it runs twice', { runsAt: ['HOST_A', 'HOST_B'] }, /runs on HOST_B and only there/],
    ['it runs nowhere', { runsAt: [] }, /runs on HOST_B/],
    ['it stayed', { runsAt: ['HOST_A'], moves: [{ outcome: 'stayed', reason: 'x', sha256 }] }, /runs on HOST_B/],
    ['the guest started again', { counterAfter: { ...counter, startId: 't', ticks: 5000, answers: 50 } }, /counter/],
    ['the guest went back', { counterAfter: { ...counter, ticks: 99 } }, /counter/],
    ['the guest is silent', { counterAfter: undefined }, /counter/],
    ['an answer was wrong', { ask: { ...good.ask, wrong: 1 } }, /xcal/],
    ['an answer is missing', { ask: { ...good.ask, missing: 1 } }, /xcal/],
    ['the stream broke', { ask: { ...good.ask, reconnects: 1 } }, /xcal/],
    ['nothing was asked', { ask: { ...good.ask, questions: 0, answers: 0 } }, /xcal/],
    ['the name is old', { resolved: 'RE AD:1 HID:v' }, /resolves to AD2/],
    ['the name is gone', { resolved: undefined }, /resolves to AD2/],
    ['the old address is dead', { oldDag: { ...good.oldDag, answered: 0 } }, /old address/],
    ['the old address was not tried', { oldDag: { ...good.oldDag, sent: 0, answered: 0 } }, /old address/],
    ['an entry is stale', { left: [{ node: 'HOST_A', stale: 'still sends to vm0' }] }, /stale/],
    ['the streams differ', { moves: [{ outcome: 'moved', reason: '', sha256: { source: 'ab', destination: 'cd' } }] }, /sha256/],
    ['one end has no hash', { moves: [{ outcome: 'moved', reason: '', sha256: { source: undefined, destination: undefined } }] }, /sha256/],
  ])('one fails when %s', (_what, facts, name) => {
    expect(failed(facts)).toEqual([expect.stringMatching(name)]);
  });
});
