export type { ConnectionCounters } from './connection-counters.js';
export {
  DatagramEndpoint,
  DEFAULT_DATAGRAM_LIMITS,
  type DatagramEndpointOptions,
  type DatagramLimits,
  type DatagramSocketHandle,
  type ReceivedDatagram,
} from './datagram-endpoint.js';
export type { ListenOptions } from './openings.js';
export { flatStreamCounters } from './stream-counters.js';
export { StreamEndpoint } from './stream-endpoint.js';
export { ConnectionState, type ConnectionHandle, type ConnectionStats, type StreamEvent } from './stream-events.js';
export { DEFAULT_STREAM_LIMITS, type OutgoingPacket, type StreamEndpointOptions, type StreamLimits } from './stream-options.js';
