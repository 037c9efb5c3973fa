import { mkdirSync } from 'node:fs';
import { open, type RootDatabase } from 'lmdb';
import type { Gauge, RecordGetOutcome, RecordPutOutcome, RecordStore, StoredRecord } from 'xia-core';

export interface LmdbRecordStoreOptions {
  /** Folder of the database; made when it is missing. */
  readonly path: string;
  /** Names kept at most. */
  readonly maxRecords: number;
  /** What a failed read or write says; the caller of the store only learns that it failed. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * Records on disk. `compareAndPut` compares and writes in one transaction and calls back when that has been flushed, so
 * whoever was told "committed" finds the record again after a crash.
 */
export class LmdbRecordStore implements RecordStore, AsyncDisposable {
  readonly #database: RootDatabase<StoredRecord, string>;
  #maxRecords: number;
  readonly #onFault: (error: unknown) => void;
  #count: number;
  #refused = 0;

  constructor(options: LmdbRecordStoreOptions) {
    mkdirSync(options.path, { recursive: true, mode: 0o700 });
    this.#database = open<StoredRecord, string>({ path: options.path, encoding: 'msgpack', overlappingSync: false });
    this.#maxRecords = options.maxRecords;
    this.#onFault = options.onFault ?? (() => {});
    this.#count = this.#database.getCount();
  }

  /** Changes how many names there may be. More of them than that stay, and no new ones come. */
  limit(maxRecords: number): void {
    this.#maxRecords = maxRecords;
  }

  /** How many names there are. */
  get size(): number {
    return this.#count;
  }

  get(name: string, done: (outcome: RecordGetOutcome) => void): void {
    let outcome: RecordGetOutcome;
    try {
      outcome = this.read(name) ?? 'absent';
    } catch (error) {
      this.#onFault(error);
      outcome = 'failed';
    }
    done(outcome);
  }

  compareAndPut(name: string, record: StoredRecord, expectedSequence: number | undefined, done: (outcome: RecordPutOutcome) => void): void {
    void this.#put(name, record, expectedSequence).then(done);
  }

  /** The record of a name, as committed. */
  read(name: string): StoredRecord | undefined {
    const stored = this.#database.get(name);
    if (stored === undefined) return undefined;
    return { ...stored, statement: new Uint8Array(stored.statement), owner: new Uint8Array(stored.owner) };
  }

  /** At most `limit` names after `after`, in order. */
  *entries(after: string, limit: number): Iterable<readonly [name: string, record: StoredRecord]> {
    for (const { key, value } of this.#database.getRange({ start: after, exclusiveStart: true, limit })) yield [key, value];
  }

  /** Names are never deleted, so there are as many as there ever were. */
  gauge(): Gauge {
    return { name: 'names', unit: 'entries', used: this.#count, highWater: this.#count, bound: this.#maxRecords, refused: this.#refused };
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #put(name: string, record: StoredRecord, expectedSequence: number | undefined): Promise<RecordPutOutcome> {
    try {
      const outcome = await this.#database.transaction((): RecordPutOutcome => {
        const present = this.#database.get(name);
        if (present?.sequence !== expectedSequence) return 'conflict';
        if (present === undefined) {
          if (this.#count >= this.#maxRecords) {
            this.#refused++;
            return 'full';
          }
          this.#count += 1;
        }
        void this.#database.put(name, record);
        return 'committed';
      });
      if (outcome === 'committed') await this.#database.flushed;
      return outcome;
    } catch (error) {
      this.#count = this.#database.getCount();
      this.#onFault(error);
      return 'failed';
    }
  }
}
