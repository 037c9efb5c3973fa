import * as v from 'valibot';

export const CID_BYTES = 20;
/** Bytes of the tag that AES-256-GCM makes for a chunk. */
export const TAG_BYTES = 16;

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * What one end is willing to hold. The smaller of the two ends' figures applies.
 *
 * Worst-case memory for chunks: at the source `windowBytes` published plus one chunk being filled; at the
 * destination `windowBytes` arriving plus `holdBackBytes` (see {@link ReceiverOptions}) plus one chunk.
 */
export interface TransferLimits {
  /** Bytes of chunks offered and not acknowledged. A larger window bears a longer path: window >= bandwidth x round trip. */
  readonly windowBytes: number;
  /** Chunks offered and not acknowledged. */
  readonly windowChunks: number;
  /** The largest chunk. */
  readonly maxChunkBytes: number;
}

export const defaultLimits: TransferLimits = {
  windowBytes: 16 * MIB,
  windowChunks: 1024,
  maxChunkBytes: MIB,
};

/** From such a round trip on, ms, a path takes the whole window to be kept full. */
const FAR_MS = 20;
/** What is under way for longer than it has to be is memory at both ends, and is waited for when the guest has stopped. */
const NEAR_WINDOW_BYTES = 8 * MIB;

/** What a source holds unless told otherwise. @param roundTripMs the shortest to the destination */
export function sourceLimits(roundTripMs: number): TransferLimits {
  return roundTripMs >= FAR_MS ? defaultLimits : { ...defaultLimits, windowBytes: NEAR_WINDOW_BYTES };
}

/**
 * Plain bytes at the end of the stream that the destination keeps back until the source has given the VM up. They must
 * contain QEMU's end marker; the description after it is about 100 KB for a small PC, some hundred for a large one.
 */
export const DEFAULT_HOLD_BACK_BYTES = MIB;

/**
 * Bytes in a chunk unless told otherwise: large enough that what is done once per chunk hardly counts, small enough to
 * pipeline. Sixteen of the fetcher's ranges of 60 KiB, so that on a path of jumbo packets all of them are full.
 */
export const DEFAULT_CHUNK_BYTES = 960 * KIB;
/** The range that `--chunk` accepts. */
export const MIN_CHUNK_BYTES = 4 * KIB;
export const MAX_CHUNK_BYTES = MIB;

/** Limits as they come from the wire. A window must hold at least one chunk, or nothing would ever move. */
export const limitsSchema = v.pipe(
  v.strictObject({
    windowBytes: v.pipe(v.number(), v.integer(), v.minValue(KIB), v.maxValue(4096 * MIB)),
    windowChunks: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1 << 20)),
    maxChunkBytes: v.pipe(v.number(), v.integer(), v.minValue(64), v.maxValue(16 * MIB)),
  }),
  v.check((limits) => limits.maxChunkBytes <= limits.windowBytes, 'the window is smaller than one chunk'),
);

/** The limits that both ends keep to. */
export function agreeLimits(ours: TransferLimits, theirs: TransferLimits): TransferLimits {
  return {
    windowBytes: Math.min(ours.windowBytes, theirs.windowBytes),
    windowChunks: Math.min(ours.windowChunks, theirs.windowChunks),
    maxChunkBytes: Math.min(ours.maxChunkBytes, theirs.maxChunkBytes),
  };
}
