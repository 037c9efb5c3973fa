import { open, rm } from 'node:fs/promises';
import { renameSync, rmSync } from 'node:fs';
import type { OwnershipRecord } from './ownership-record.js';

/**
 * A record that is on disk under another name already, so that taking the step is a rename. It is written beside everything else, while
 * the process waits for the word that lets it take the step.
 */
export class PreparedRecord {
  readonly #record: OwnershipRecord;
  readonly #path: string;
  #isWritten = false;
  #isOver = false;

  constructor(record: OwnershipRecord, path: string) {
    this.#record = record;
    this.#path = path;
  }

  /** Resolves when it is on disk, or is not needed any more. Throws what the file system says. */
  async write(text: string): Promise<void> {
    await using file = await open(this.#path, 'w', 0o600);
    await file.writeFile(text);
    await file.sync();
    this.#isWritten = true;
    if (this.#isOver) await rm(this.#path, { force: true });
  }

  /** Gives it the name `path` if it is on disk and says what `record` says, but for the time. Anything else forgets it. */
  becomes(record: OwnershipRecord, path: string): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    const { updatedAt } = record;
    const isSame = JSON.stringify({ ...this.#record, updatedAt }) === JSON.stringify(record);
    if (!this.#isWritten) return false;
    try {
      if (isSame) renameSync(this.#path, path);
      else rmSync(this.#path, { force: true });
      return isSame;
    } catch {
      // Whoever writes it in the ordinary way meets what is wrong.
      return false;
    }
  }
}
