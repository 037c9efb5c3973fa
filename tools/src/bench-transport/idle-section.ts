import { atMost, figure, type Section } from '../bench-forwarding/report.js';
import type { CompareOptions } from './compare.js';
import { measureIdleEndpoints, measureIdleStreams } from './idle-connections.js';

const MOST_BYTES = 16_000;
const CONNECTIONS = 10_000;
const STREAMS = 1000;
const QUICK_CONNECTIONS = 300;
/** A timer of each connection twice a minute; more would be a storm. */
const MOST_WAKE_UPS_BY_CONNECTION = 1 / 15;

/** What connections cost that have nothing to say. */
export async function idleSections({ size, onNote }: CompareOptions): Promise<Section[]> {
  const quick = size.bytes < 100_000_000;
  const connections = quick ? QUICK_CONNECTIONS : CONNECTIONS;
  const streams = quick ? QUICK_CONNECTIONS : STREAMS;
  onNote(`  ${connections} connections`);
  const endpoints = measureIdleEndpoints(connections);
  onNote(`  ${streams} encrypted streams`);
  const secure = await measureIdleStreams(streams, true);
  const wakeUps = endpoints.timers.wakeUpsPerSecond / connections;
  return [
    {
      name: `idle connections: ${connections} without a node around them, ${streams} as encrypted streams of a node`,
      figures: [
        figure('a connection, heap and buffers', endpoints.bytes, 'bytes'),
        figure('an encrypted stream, heap and buffers', secure.bytes, 'bytes'),
        figure('an encrypted stream, resident memory', secure.residentBytes, 'bytes'),
        figure(`wake-ups of an end with ${connections} connections`, endpoints.timers.wakeUpsPerSecond, 'a second'),
      ],
      reaches: [
        atMost('bytes of a connection', endpoints.bytes, MOST_BYTES),
        atMost('bytes of an encrypted stream', secure.bytes, MOST_BYTES),
        atMost('wake-ups a second for each connection', wakeUps, MOST_WAKE_UPS_BY_CONNECTION),
      ],
      notes: [],
    },
  ];
}
