import { expect, it } from 'vitest';
import { flowResult } from '../../../tools/src/tun-lab/tcp-flow.js';

it('tells the rates of what a sink has counted', () => {
  // A second of slow start, then 100 ms samples of 1.25 MB, which is 100 Mbit/s.
  const samples = [...Array<number>(10).fill(125_000), ...Array<number>(15).fill(1_250_000)];
  const bytes = samples.reduce((sum, count) => sum + count, 0);
  const result = flowResult('cubic', { bytes, seconds: 2.5, samples }, 1);
  expect(result).toMatchObject({ algorithm: 'cubic', bytes: 20_000_000, seconds: 2.5, goodputMbit: 64, steadyMbit: 100 });
  expect(result.perSecondMbit).toEqual([10, 100]);
  expect(flowResult('cubic', { bytes: 0, seconds: 0, samples: [] }, 1)).toMatchObject({ goodputMbit: 0, steadyMbit: 0, perSecondMbit: [] });
});
