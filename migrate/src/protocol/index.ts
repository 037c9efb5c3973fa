export type { AbortCode } from './abort-code.js';
export {
  CHUNK_KEY_BYTES,
  CHUNK_KEY_LABEL,
  chunkNonce,
  type ChunkCipher,
  type ContentSealer,
  type KeyedChunk,
  type RunningHash,
  type SealedChunk,
} from './chunk-cipher.js';
export {
  DEFAULT_CHUNK_BYTES,
  DEFAULT_HOLD_BACK_BYTES,
  defaultLimits,
  sourceLimits,
  MAX_CHUNK_BYTES,
  MIN_CHUNK_BYTES,
  type TransferLimits,
} from './limits.js';
export { TRANSFER_ID_BYTES, vmNameSchema } from './messages.js';
export { HandoverInquiry, HandoverReply, type HandoverAnswer } from './handover-inquiry.js';
export type { OfferedChunk } from './piece-list.js';
export type { OrderedChunk } from './hold-back-queue.js';
export { Receiver, type DestinationMark, type ReceiverEvent, type ReceiverOptions, type ReceiverOutcome } from './receiver.js';
export { Sender } from './sender.js';
export type { SenderEvent, SenderOptions, SenderOutcome, SenderSink, SourceMark } from './sender-options.js';
