import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BROADCAST_HID, ForwardingEngine, SeededRandom } from 'xia-core';
import { engineSections, naiveTwin } from '../../../tools/src/bench-forwarding/engine-sections.js';
import { mutated } from '../../../tools/src/bench-forwarding/mutate.js';
import { NaiveEngine } from '../../../tools/src/bench-forwarding/naive-engine.js';
import { atLeast, atMost, figure, missed, reportText } from '../../../tools/src/bench-forwarding/report.js';
import { decide, difference, TransitPackets } from '../../../tools/src/bench-forwarding/transit.js';
import { fallbackPackets, fill, transitPackets } from '../../../tools/src/bench-forwarding/workload.js';
import { Zipf } from '../../../tools/src/bench-forwarding/zipf.js';

const size = { hids: 300, ads: 40, packets: 90 };
const engine = new ForwardingEngine();
fill(engine, size);
const naive = naiveTwin(size);
const packets = transitPackets(size);

/** Puts the identifier of everybody where some node of the destination is. */
function broadcast(packet: Uint8Array, node: number): Uint8Array {
  const copy = packet.slice();
  copy.set([0, 0, 0, BROADCAST_HID.type, ...BROADCAST_HID.id], 8 + 28 * (node % copy[5]!));
  return copy;
}

describe('the naive engine and the real one', () => {
  it('decide the same about packets in transit', () => {
    for (const packet of packets) expect(difference(engine, naive, packet)).toBeUndefined();
    expect(new Set(packets.map((packet) => decide(engine, packet.slice()).kind))).toEqual(new Set(['forward']));
  });

  it('decide the same about packets that were tampered with', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: packets.length - 1 }), fc.nat({ max: 9 }), (seed, n, node) => {
        const packet = mutated(node < 3 ? broadcast(packets[n]!, node) : packets[n]!, new SeededRandom(seed));
        expect(difference(engine, naive, packet)).toBeUndefined();
        kinds.add(decide(engine, packet.slice()).kind);
      }),
      { numRuns: 3000 },
    );
    expect(kinds).toEqual(new Set(['malformed', 'drop', 'forward', 'deliver', 'unreachable', 'time-exceeded']));
  });

  it('notices a difference', () => {
    expect(difference(engine, new NaiveEngine(), packets[0]!)).toContain('unreachable');
  });
});

describe('the workload', () => {
  it.each([0, 1, 2, 3])('has packets that take %i fallbacks, the same bytes else', (taken) => {
    const [packet] = fallbackPackets({ ...size, packets: 1 }, taken);
    expect(packet!.length).toBe(fallbackPackets({ ...size, packets: 1 }, 0)[0]!.length);
    expect(decide(engine, packet!.slice()).kind).toBe('forward');
    // Without the way that is routed, nothing is left.
    const routed = packet![8 + 28 * packet![5]! - 4 + taken]!;
    packet!.fill(0, 8 + 28 * routed + 4, 8 + 28 * routed + 24);
    expect(decide(engine, packet!.slice()).kind).toBe('unreachable');
  });

  it('can be forwarded again and again', () => {
    const transit = new TransitPackets(packets);
    const sums = Array.from({ length: 20 }, () => transit.forwardAll(engine));
    expect(new Set(sums).size).toBe(1);
    expect(transit.forwardAllNaively(naive)).toBe(packets.length * 'forward'.length);
  });

  it('draws small ranks more often', () => {
    const rng = new SeededRandom(1);
    const zipf = new Zipf(1000, 1);
    const counts = new Uint32Array(1000);
    for (let n = 0; n < 20_000; n++) counts[zipf.draw(rng)]!++;
    expect(counts[0]! / counts[9]!).toBeGreaterThan(6);
    expect(counts[0]! / counts[9]!).toBeLessThan(15);
  });
});

describe('the report', () => {
  it('of the engine has every section, and finds no wrong decision and no allocation', () => {
    const sections = engineSections({ size, rounds: 2, mutations: 200 });
    expect(sections.map(({ name }) => name)).toHaveLength(5);
    const right = sections[0]!;
    expect(right.figures.find(({ name }) => name === 'differences')?.value).toBe(0);
    expect(right.reaches[0]?.ok).toBe(true);
    for (const { figures } of sections) for (const { value } of figures) expect(Number.isFinite(value)).toBe(true);
  });

  it('says what was reached, what was missed and what was not measured', () => {
    const reaches = [atLeast('fast', 2, 1), atMost('small', 3, 2), atLeast('absent', undefined, 1)];
    const section = { name: 'some', figures: [figure('third', 1 / 3, 'ms'), figure('none', undefined, 's')], reaches, notes: ['a note'] };
    const report = { sections: [section], settings: {}, versions: {} };
    expect(missed(report).map(({ name }) => name)).toEqual(['small', 'absent']);
    expect(reportText(report).split('\n').slice(1)).toEqual([
      'some',
      '  third  0.3333  ms',
      '  none        -  s',
      '  fast    2  >= 1  reached',
      '  small   3  <= 2  MISSED',
      '  absent  -  >= 1  MISSED',
      '  (a note)',
    ]);
  });
});
