export { openChunk, sealChunk } from './chunk-seal.js';
export { directCipher, loadDirectCipher, type DirectCipher } from './direct-cipher.js';
export { Driver, type Driven } from './driver.js';
export { DEFAULT_ETHERNET_MTU, EthernetFace, type EthernetFaceOptions } from './ethernet-face.js';
export {
  FaceCounters,
  MAX_PACKET_BYTES,
  type Face,
  type FaceDescription,
  type FaceHandler,
  type FaceNeighbour,
  type FaceSettings,
} from './face.js';
export {
  createIdentity,
  generateIdentity,
  identityFromPem,
  identityToPem,
  loadIdentity,
  loadOrCreateIdentity,
  saveIdentity,
  type NodeIdentity,
} from './keys.js';
export { MemoryFace, memoryFacePair } from './memory-face.js';
export { NetdevFace, type NetdevFaceOptions } from './netdev-face.js';
export { NETDEV_GATEWAY_ADDRESS, NETDEV_GUEST_ADDRESS, NETDEV_UDP_PORT } from './netdev-link.js';
export { contentId, nodeCrypto } from './node-crypto.js';
export { nodeRandom } from './node-random.js';
export { formatHostPort, isLoopback, parseHostPort, type HostPort } from './socket-address.js';
export { DEFAULT_UDP_MTU, UdpFace, type UdpFaceOptions, type UdpOffloadMode } from './udp-face.js';
export { UnixFace, type UnixFaceOptions } from './unix-face.js';
export { listenUnix } from './unix-listen.js';
export { CONTENT_KEY_BYTES, ContentSealer, openWithKey, type KeyedContent, type SealedContent } from './sealed-content.js';
export { loadOrCreateSecret, loadSecret } from './secret-file.js';
