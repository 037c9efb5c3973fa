import type { StreamEndpointCounters } from '../transport/index.js';

/** The counters of streams, those of malformed packets by their fault. */
export function streamCounters({ malformed, ...counters }: StreamEndpointCounters): Record<string, number> {
  return { ...counters, ...Object.fromEntries(Object.entries(malformed).map(([fault, count]) => [`malformed:${fault}`, count])) };
}
