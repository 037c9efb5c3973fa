import type { RecordGetOutcome, RecordPutOutcome, RecordStore, StoredRecord } from './record-store.js';

/** Records in memory: for simulations and for a name server that may forget. */
export class MemoryRecordStore implements RecordStore {
  readonly #records = new Map<string, StoredRecord>();
  readonly #maxRecords: number;

  constructor(maxRecords = 100_000) {
    this.#maxRecords = maxRecords;
  }

  get(name: string, done: (outcome: RecordGetOutcome) => void): void {
    done(this.#records.get(name) ?? 'absent');
  }

  compareAndPut(name: string, record: StoredRecord, expectedSequence: number | undefined, done: (outcome: RecordPutOutcome) => void): void {
    const present = this.#records.get(name);
    if (present?.sequence !== expectedSequence) return done('conflict');
    if (present === undefined && this.#records.size >= this.#maxRecords) return done('full');
    this.#records.set(name, record);
    done('committed');
  }

  /** Every name with its record. */
  entries(): Iterable<readonly [name: string, record: StoredRecord]> {
    return this.#records;
  }
}
