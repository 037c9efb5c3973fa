export { MAX_CAPTURES, type CapturedPacket, type CaptureListener, type CaptureOptions } from './capture.js';
export { CaptureFilter, type CaptureDirection } from './capture-filter.js';
export { DatagramSocket } from './datagram-socket.js';
export { EchoSocket, type EchoOptions, type EchoReply } from './echo-socket.js';
export type { FaceConfig } from './face-config.js';
export type { FetchOptions } from './fetches.js';
export type { Guests, PreparedMove } from './guests.js';
export type { NodeLogger, XiaNodeOptions } from './node-options.js';
export type { Reconfiguration } from './reconfigure.js';
export { certifiedAd } from './router-certificate.js';
export {
  peerId,
  prepareSecureStreams,
  secureClient,
  secureServer,
  SECURE_STREAM_PROTOCOL,
  type SecureStreamOptions,
} from './secure-stream.js';
export { StreamServer } from './stream-server.js';
export type { ConnectOptions, ListenOptions } from './stream-sockets.js';
export { nodeViews, type NodeView } from './views.js';
export { XiaNode } from './xia-node.js';
export type { XiaStream } from './xia-stream.js';
