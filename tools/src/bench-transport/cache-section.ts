import { atLeast, figure, type Section } from '../bench-forwarding/report.js';
import { chunks } from './candidates.js';
import { compare, speedOf, speedRatio, type CompareOptions } from './compare.js';
import { timesOf } from './wan-sections.js';

const ON = 'cache on';
const OFF = 'cache off';
const CACHE_BYTES = 64_000_000;
const MTU = 1472;

/** Chunks over a long link without losses and a short one with them, the router between with its cache on and off. */
export async function cacheSections(options: CompareOptions): Promise<Section[]> {
  const path = {
    emulated: ['--preset', 'wan', '--set', 'rate=200Mbit'],
    lastHop: ['--set', 'delay=1ms', 'rate=200Mbit', 'queue=100kB', 'loss=5%'],
    timed: timesOf(options),
    mtu: MTU,
    offload: 'auto' as const,
  };
  const candidates = [chunks(ON, { ...path, cacheBytes: CACHE_BYTES }), chunks(OFF, path)];
  const comparison = await compare(candidates, options);
  return [
    {
      name: 'chunks over 27 ms, 200 Mbit/s without loss, then 2 ms with 5 % loss behind a router',
      figures: candidates.map(({ name }) => figure(name, 8000 * (speedOf(comparison, name) ?? 0), 'Mbit/s of content')),
      reaches: [atLeast('cache on over off', speedRatio(comparison, ON, OFF), 1.5)],
      notes: comparison.notes,
    },
  ];
}
