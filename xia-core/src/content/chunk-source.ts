/** A whole chunk as it is held here. */
export interface StoredChunk {
  /** Exactly the bytes whose hash is the CID. Shared: nobody may write to them. */
  readonly bytes: Uint8Array;
  /** When it is no longer to be served, on the caller's monotonic clock, ms; `Infinity` for never. */
  readonly expiresAt: number;
}

/** Somewhere that chunks can be served from. */
export interface ChunkSource {
  /** The chunk of a 20-byte CID that is still good at `now` (ms). */
  find(id: Uint8Array, now: number): StoredChunk | undefined;
}
