export type { AttachmentState } from './attachment-state.js';
export type { HintReason } from './attachment.js';
export type { BeaconOptions } from './beacon-sender.js';
export type { BindingEntry, BindingProof } from './binding-entry.js';
export type { AttachmentInfo, MobilityEvent } from './events.js';
export type { Fences } from './fences.js';
export type { GuestMoves } from './guest-moves.js';
export type { HidRoutes, Hop, LinkFaces, LinkSink } from './links.js';
export { Mobility } from './mobility.js';
export type {
  ApplicationRole,
  AttachOptions,
  HostRole,
  MobilityLimits,
  MobilityOptions,
  RouterRole,
  TransitRole,
} from './mobility-options.js';
export { StatementVerifier, type HeardBeacon, type ProvenBinding, type Verified, type VerifyFault } from './verify.js';
export type { MovedHosts } from './moved-hosts.js';
export { MemoryRecordStore } from './memory-record-store.js';
export { NameClient, NOBODY_WAITS, type NameClientOptions, type NameEvent, type NameFailure, type RegisterOptions } from './name-client.js';
export { NameServerCore, type NameServerCounter, type NameServerOptions } from './name-server.js';
export type { RecordGetOutcome, RecordPutOutcome, RecordStore, StoredRecord } from './record-store.js';
export { verifyRecord, type RecordFault, type VerifiedRecord } from './verify-record.js';
