/** A name record as it is kept. */
export interface StoredRecord {
  /** The signed record, as received. */
  readonly statement: Uint8Array;
  /** 20 bytes: hash of the key that signed it. The name is theirs. */
  readonly owner: Uint8Array;
  readonly sequence: number;
  /** Wall-clock milliseconds since 1970. */
  readonly expiresMs: number;
}

/** `committed` means durable: it survives a crash from here on. */
export type RecordPutOutcome = 'committed' | 'conflict' | 'full' | 'failed';

/** What a store says to a lookup: the record, nothing, or that it cannot say. */
export type RecordGetOutcome = StoredRecord | 'absent' | 'failed';

/**
 * Where name records are kept. The answers come by callback, at once or later, exactly once each, so that a store may
 * flush a disk or ask its replicas first.
 */
export interface RecordStore {
  get(name: string, done: (outcome: RecordGetOutcome) => void): void;
  /**
   * Puts the record if the stored one has `expectedSequence` (undefined: if there is none), else `conflict`. Calls back
   * when the record is durable and not before.
   */
  compareAndPut(name: string, record: StoredRecord, expectedSequence: number | undefined, done: (outcome: RecordPutOutcome) => void): void;
}
