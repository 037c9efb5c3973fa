import { atMost, figure, type Section } from '../bench-forwarding/report.js';
import type { CompareOptions } from './compare.js';
import { measureActiveStreams } from './active-connections.js';
import { measureIdleEndpoints, measureIdleStreams } from './idle-connections.js';

const MOST_BYTES = 16_000;
const CONNECTIONS = 10_000;
const STREAMS = 1000;
const QUICK_CONNECTIONS = 300;
const ACTIVE = { idle: 10_000, active: 1000, everyMs: 100, forMs: 20_000 };
const QUICK_ACTIVE = { idle: 300, active: 30, everyMs: 100, forMs: 2000 };
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
  const mix = quick ? QUICK_ACTIVE : ACTIVE;
  onNote(`  ${mix.idle} idle streams and ${mix.active} active ones`);
  const busy = await measureActiveStreams(mix);
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
    {
      name: `${mix.idle} idle streams and ${mix.active} that send a message each ${mix.everyMs} ms, both ends in one process`,
      figures: [
        figure('memory of an end, heap and buffers', busy.bytes, 'bytes'),
        figure('memory of an end, resident', busy.residentBytes, 'bytes'),
        figure('CPU of both ends', 100 * busy.cpuShare, '% of a core'),
        figure('rounds of the event loop', busy.wakeUpsPerSecond, 'a second'),
        figure('from writing to reading, median', busy.latencyMs.half, 'ms'),
        figure('from writing to reading, 99 of 100', busy.latencyMs.most99, 'ms'),
        figure('from writing to reading, longest', busy.latencyMs.worst, 'ms'),
      ],
      reaches: [atMost('bytes of an end', busy.bytes, MOST_BYTES)],
      notes: [],
    },
  ];
}
