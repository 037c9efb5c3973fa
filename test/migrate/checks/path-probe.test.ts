import { describe, expect, it } from 'vitest';
import { findingText, probePath } from '../../../migrate/src/checks/index.js';
import { largestThatPasses } from '../../../migrate/src/checks/echo-probe.js';
import { figureFindings } from '../../../migrate/src/checks/path-probe.js';
import { startHost, startRouter } from '../../xia-core/node/testbed.js';

describe('the way between two hosts', () => {
  it('is measured by nodes that attach to both', async () => {
    const router = await startRouter();
    const [a, b] = [await startHost(router.access), await startHost(router.access)];
    try {
      const { findings, figures } = await probePath({ sourceHost: a.access, destinationHost: b.access, measureBandwidth: true });
      expect(findings.filter(({ level }) => level === 'fault')).toEqual([]);
      expect(figures?.roundTripMs).toBeGreaterThan(0);
      expect(figures?.packetBytes).toBeGreaterThan(60_000);
      // One router, one clock.
      expect(Math.abs(figures?.clockDifferenceMs ?? Infinity)).toBeLessThan(2000);
      expect(figures?.bytesPerSecond).toBeGreaterThan(10_000);
    } finally {
      for (const node of [a.node, b.node, router.node]) await node.close();
    }
  });

  it('has a fault for each end that lets nobody attach, and for an address that is none', async () => {
    const { findings, figures } = await probePath({
      sourceHost: '127.0.0.1:9',
      destinationHost: 'nowhere',
      measureBandwidth: false,
      attachTimeoutMs: 300,
    });
    expect(figures).toBeUndefined();
    expect(findings.map(({ where }) => where).toSorted()).toEqual(['destination', 'source']);
    expect(findings.map(findingText).join('\n')).toContain('"nowhere"');
  });

  it('has warnings for clocks far apart and a narrow way', () => {
    const usual = { roundTripMs: 1, packetBytes: 1500, clockDifferenceMs: 3, bytesPerSecond: 5e7 };
    expect(figureFindings(usual)).toEqual([]);
    expect(figureFindings({ ...usual, clockDifferenceMs: -20_000, bytesPerSecond: 1e6 }).map(({ level }) => level)).toEqual([
      'warning',
      'warning',
    ]);
    expect(figureFindings({ ...usual, clockDifferenceMs: undefined, bytesPerSecond: undefined })).toEqual([]);
  });
});

describe('the search for the largest packet', () => {
  const search = (limit: number) => {
    let asked = 0;
    const passes = async (sizes: readonly number[]) => {
      asked += sizes.length;
      return new Set(sizes.filter((size) => size <= limit));
    };
    return largestThatPasses(500, passes).then((found) => ({ found, asked }));
  };

  it.each([600, 1400, 1472, 1500, 9000, 12_345, 65_000])('finds %i within a few bytes of it, by few packets', async (limit) => {
    const { found, asked } = await search(limit);
    expect(found).toBeLessThanOrEqual(limit);
    expect(found).toBeGreaterThan(limit * 0.97);
    expect(asked).toBeLessThan(40);
  });

  it('gives what is known when nothing larger passes', async () => {
    expect(await search(500)).toMatchObject({ found: 500 });
  });
});
