export { XIP_NODE_BYTES } from '../dag/index.js';
export { ARP_BYTES, encodeArp, encodeArpReply, parseArp, type ArpFault, type ArpFields } from './arp.js';
export {
  CHUNK_REQUEST_BYTES,
  CHUNK_RESPONSE_BYTES,
  chunkOffsetAt,
  isChunkResponseAt,
  encodeChunkRequest,
  encodeChunkResponseHeader,
  MAX_CHUNK_RANGE_BYTES,
  parseChunk,
  setChunkResponseRange,
  type ChunkFault,
  type ChunkPacket,
  type ChunkRequest,
  type ChunkResponse,
} from './chunk.js';
export {
  DGRAM_HEADER_BYTES,
  encodeDgramHeader,
  encodePrototypeStreamHeader,
  parseTransport,
  TransportType,
  type PrototypeStreamFields,
  type TransportFault,
  type TransportPacket,
} from './dgram.js';
export { MAX_RUN_BYTES, MAX_RUN_SEGMENTS } from './run-limits.js';
export {
  BROADCAST_MAC,
  encodeEthernet,
  ETHERNET_HEADER_BYTES,
  EtherType,
  MAC_BYTES,
  macFromText,
  macToText,
  parseEthernet,
  writeEthernetHeader,
  type EthernetFrame,
} from './ethernet.js';
export {
  encodeIpv4Udp,
  IPV4_UDP_HEADER_BYTES,
  MAX_UDP_PAYLOAD_BYTES,
  parseIpv4Udp,
  type Ipv4UdpFault,
  type Ipv4UdpFields,
} from './ipv4-udp.js';
export * from './kind-message.js';
export * from './mobility-messages.js';
export * from './mobility-statements.js';
export * from './msgpack.js';
export * from './name-messages.js';
export * from './routing-messages.js';
export * from './routing-statements.js';
export * from './schema-fields.js';
export * from './statement.js';
export * from './stream-rebind.js';
export * from './stream-writer.js';
export * from './stream.js';
export { parseTlvHeader, tlvHeaderBytes, writeTlvHeader, type TlvFault, type TlvField, type TlvHeader } from './tlv-header.js';
export { encodeXarp, parseXarp, XARP_BYTES, type XarpFault, type XarpFields } from './xarp.js';
export {
  decodeXcmp,
  encodeEcho,
  encodeEchoReply,
  encodeXcmpError,
  quoteOf,
  XCMP_ECHO_HEADER_BYTES,
  XCMP_ERROR_HEADER_BYTES,
  XCMP_QUOTED_PAYLOAD_BYTES,
  XcmpCode,
  XcmpType,
  type XcmpEcho,
  type XcmpError,
  type XcmpErrorType,
  type XcmpFault,
  type XcmpMessage,
} from './xcmp.js';
export {
  claimedPacketBytes,
  uncountedBytes,
  DEFAULT_HOP_LIMIT,
  encodeXip,
  MAX_XIP_PAYLOAD_BYTES,
  NextHeader,
  XIP_HEADER_BYTES,
  XIP_VERSION,
  xipHeaderBytes,
  type XipFields,
} from './xip.js';
export { XipView, xipFaults, type XipFault } from './xip-view.js';
