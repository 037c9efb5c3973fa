import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import { XiaError } from 'xia-core';
import { vmNameSchema } from '../protocol/index.js';
import { ownershipSchema, type OwnershipRecord, type OwnershipStep } from './ownership-record.js';
import { PreparedRecord } from './prepared-record.js';

const SUFFIX = '.json';

/** What a write adds to the step; what is not named stays as it was in this attempt. */
export interface OwnershipDetails {
  readonly transfer?: string;
  readonly peer?: string;
  readonly qmp?: string;
  readonly host?: string;
  readonly runs?: boolean;
  readonly bytes?: number;
  readonly chunks?: number;
  readonly reason?: string;
}

/**
 * The state of one VM on this host: one JSON file in the state directory. Reads and writes are synchronous: they happen a
 * few times in a migration, and nothing may happen beside them.
 */
export class OwnershipFile {
  readonly path: string;
  readonly #directory: string;
  readonly #vm: string;
  #prepared: PreparedRecord | undefined;

  /** @throws XiaError `usage` when the name is no VM name */
  constructor(directory: string, vm: string) {
    if (!v.is(vmNameSchema, vm)) {
      throw new XiaError('usage', `"${String(vm)}" is no VM name: letters, digits, ".", "_" and "-", at most 64`, { vm });
    }
    this.#directory = directory;
    this.#vm = vm;
    this.path = join(directory, vm + SUFFIX);
  }

  /** @throws XiaError `bad-config` when the file is not a state file */
  read(): OwnershipRecord | undefined {
    return readRecord(this.path);
  }

  /**
   * Writes a step and returns once it is on disk: a new file, synced, renamed over the old one, and the directory synced,
   * so that a crash leaves either the old record or the new one. Throws what the file system says.
   */
  write(step: OwnershipStep, details: OwnershipDetails = {}): OwnershipRecord {
    const record = this.#record(step, details);
    const prepared = this.#prepared;
    this.#prepared = undefined;
    if (prepared?.becomes(record, this.path) !== true) {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      writeFileAtomic.sync(this.path, textOf(record), { mode: 0o600, fsync: true });
    }
    syncDirectory(this.#directory);
    return record;
  }

  /**
   * Writes beside what else happens what `write` is about to be told, so that the guest waits for less then. When it comes
   * otherwise, nothing is lost but the work. Never throws.
   */
  async prepare(step: OwnershipStep, details: OwnershipDetails = {}): Promise<void> {
    try {
      const record = this.#record(step, details);
      const prepared = new PreparedRecord(record, `${this.path}.${process.pid}.${record.sequence}`);
      this.#prepared = prepared;
      await prepared.write(textOf(record));
    } catch {
      // `write` will meet the same fault, and say so.
      this.#prepared = undefined;
    }
  }

  #record(step: OwnershipStep, details: OwnershipDetails): OwnershipRecord {
    const before = this.read();
    return {
      format: 1,
      vm: this.#vm,
      ...step,
      transfer: details.transfer ?? before?.transfer ?? '',
      peer: details.peer ?? before?.peer ?? '',
      qmp: details.qmp ?? before?.qmp ?? '',
      host: details.host ?? before?.host ?? '',
      runs: details.runs ?? before?.runs ?? true,
      pid: process.pid,
      sequence: (before?.sequence ?? 0) + 1,
      updatedAt: new Date().toISOString(),
      bytes: details.bytes ?? before?.bytes ?? 0,
      chunks: details.chunks ?? before?.chunks ?? 0,
      reason: details.reason ?? '',
    };
  }

  /** Removes the file, if it is there. */
  remove(): void {
    try {
      unlinkSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

function textOf(record: OwnershipRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Every VM that this host has a state file of, by name. A directory that does not exist has none. */
export function listOwnership(directory: string): OwnershipRecord[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => name.endsWith(SUFFIX))
    .toSorted()
    .flatMap((name) => readRecord(join(directory, name)) ?? []);
}

function readRecord(path: string): OwnershipRecord | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new XiaError('bad-config', `${path}: not JSON, so no state file`, { path }, { cause });
  }
  const result = v.safeParse(ownershipSchema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new XiaError('bad-config', `${path}: ${v.getDotPath(issue) ?? 'record'}: ${issue.message}`, { path });
}
