import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { XiaError } from 'xia-core';
import type { QmpClient } from './qmp-client.js';

/**
 * Live migration by QMP, both sides (QEMU documentation, `docs/devel/migration`).
 *
 * The source is asked to write its stream to a command (`exec:`), the destination to read it from one. Which copy may run is
 * not decided here: QEMU stops the source before its last bytes leave and the destination goes on when it has read them all.
 */

const DEFAULT_POLL_MS = 50;
const SETTLE_MS = 2;
const SETTLE_ATTEMPTS = 20;
/** More than any memory gives: 1 TB/s. */
const UNLIMITED_BYTES_PER_SECOND = 1e12;
/** QEMU's own default. */
export const DEFAULT_DOWNTIME_LIMIT_MS = 300;

const count = v.pipe(v.number(), v.finite(), v.minValue(0));

const ramSchema = v.object({
  transferred: count,
  remaining: count,
  total: count,
  duplicate: v.optional(count, 0),
  normal: v.optional(count, 0),
  mbps: v.optional(v.number(), 0),
  'dirty-pages-rate': v.optional(count, 0),
  'dirty-sync-count': v.optional(count, 0),
  'page-size': v.optional(count, 4096),
});

const diskSchema = v.object({ transferred: count, remaining: count, total: count });

const migrationSchema = v.object({
  // Absent until the first migration.
  status: v.optional(v.string(), 'none'),
  ram: v.optional(ramSchema),
  // Of block migration only.
  disk: v.optional(diskSchema),
  'total-time': v.optional(count),
  'setup-time': v.optional(count),
  downtime: v.optional(count),
  'expected-downtime': v.optional(count),
  'error-desc': v.optional(v.string()),
});

const statusSchema = v.object({ status: v.string(), running: v.boolean() });

/** QEMU's words for where a migration is (QAPI `MigrationStatus`); an unknown word of a newer QEMU is passed on. */
export type MigrationStatus =
  | 'none'
  | 'setup'
  | 'cancelling'
  | 'cancelled'
  | 'active'
  | 'postcopy-active'
  | 'postcopy-paused'
  | 'completed'
  | 'failed'
  | 'colo'
  | 'pre-switchover'
  | 'device'
  | 'wait-unplug'
  | (string & {});

/** Where a migration is. All zero before the first byte. */
export interface MigrationProgress {
  readonly status: MigrationStatus;
  /** Bytes of guest memory on the wire so far. */
  readonly transferredBytes: number;
  /** Bytes of guest memory known to be still different. */
  readonly remainingBytes: number;
  readonly totalBytes: number;
  /** Pages that were sent in full, and pages of equal bytes (zero, mostly) that were sent as a mark. */
  readonly normalPages: number;
  readonly duplicatePages: number;
  /** How often the dirty pages were collected: 1 during the first pass over the memory. */
  readonly pass: number;
  readonly megabitsPerSecond: number;
  readonly dirtyBytesPerSecond: number;
  /** As measured, once completed. */
  readonly downtimeMs: number | undefined;
  /** As QEMU estimates it while active. */
  readonly expectedDowntimeMs: number | undefined;
  readonly totalMs: number | undefined;
  readonly setupMs: number | undefined;
  /** What went wrong, once failed. */
  readonly error: string | undefined;
  /** Bytes of disks in the stream, all together; only with QEMU's block migration. */
  readonly disk: { readonly transferredBytes: number; readonly remainingBytes: number; readonly totalBytes: number } | undefined;
}

/**
 * Asks how the migration is going; either side.
 * @throws XiaError `qmp-error`, also when the answer is not what QEMU documents.
 */
export async function queryMigration(qmp: Pick<QmpClient, 'execute'>, signal?: AbortSignal): Promise<MigrationProgress> {
  const answer = checked(migrationSchema, await qmp.execute('query-migrate', {}, { signal }), 'query-migrate');
  const { ram, disk } = answer;
  return {
    status: answer.status,
    transferredBytes: ram?.transferred ?? 0,
    remainingBytes: ram?.remaining ?? 0,
    totalBytes: ram?.total ?? 0,
    normalPages: ram?.normal ?? 0,
    duplicatePages: ram?.duplicate ?? 0,
    pass: ram?.['dirty-sync-count'] ?? 0,
    megabitsPerSecond: ram?.mbps ?? 0,
    dirtyBytesPerSecond: ram === undefined ? 0 : ram['dirty-pages-rate'] * ram['page-size'],
    downtimeMs: answer.downtime,
    expectedDowntimeMs: answer['expected-downtime'],
    totalMs: answer['total-time'],
    setupMs: answer['setup-time'],
    error: answer['error-desc'],
    disk: disk && { transferredBytes: disk.transferred, remainingBytes: disk.remaining, totalBytes: disk.total },
  };
}

/** QEMU's run state, such as `running`, `paused`, `inmigrate` (waiting for the stream), `postmigrate` (it has left). */
export interface RunState {
  readonly status: string;
  /** Whether the guest's processor runs at this moment. */
  readonly running: boolean;
}

/** @throws XiaError `qmp-error` */
export async function queryRunState(qmp: Pick<QmpClient, 'execute'>, signal?: AbortSignal): Promise<RunState> {
  return checked(statusSchema, await qmp.execute('query-status', {}, { signal }), 'query-status');
}

export interface MigrationLimits {
  /** Bytes per second, default as fast as the stream is taken. */
  readonly maxBandwidthBytesPerSecond?: number;
  /** QEMU stops the guest when it expects the rest to take no longer than this, default 300 ms. */
  readonly downtimeLimitMs?: number;
}

/** @throws XiaError `qmp-error` when QEMU refuses a value. */
export async function setMigrationLimits(qmp: QmpClient, limits: MigrationLimits, signal?: AbortSignal): Promise<void> {
  const parameters = {
    'max-bandwidth': limits.maxBandwidthBytesPerSecond ?? UNLIMITED_BYTES_PER_SECOND,
    'downtime-limit': limits.downtimeLimitMs ?? DEFAULT_DOWNTIME_LIMIT_MS,
  };
  await qmp.execute('migrate-set-parameters', parameters, { signal });
}

/**
 * Switches migration capabilities on or off, such as `pause-before-switchover` or `events`. Both sides must agree on those
 * that change the stream.
 * @throws XiaError `qmp-error` when QEMU does not know one.
 */
export async function setMigrationCapabilities(
  qmp: Pick<QmpClient, 'execute'>,
  capabilities: Readonly<Record<string, boolean>>,
  signal?: AbortSignal,
): Promise<void> {
  const list = Object.entries(capabilities).map(([capability, state]) => ({ capability, state }));
  await qmp.execute('migrate-set-capabilities', { capabilities: list }, { signal });
}

const capabilitiesSchema = v.array(v.object({ capability: v.string(), state: v.boolean() }));

/**
 * The migration capabilities that this QEMU has, and whether each is on.
 * @throws XiaError `qmp-error`
 */
export async function queryMigrationCapabilities(qmp: QmpClient): Promise<ReadonlyMap<string, boolean>> {
  const command = 'query-migrate-capabilities';
  const list = checked(capabilitiesSchema, await qmp.execute(command), command);
  return new Map(list.map(({ capability, state }) => [capability, state]));
}

/** A URI for `migrate` and `migrate-incoming` that runs a program. QEMU gives it to `/bin/sh -c`, so each word is quoted. */
export function execUri(argv: readonly string[]): string {
  return `exec:${argv.map(shellQuote).join(' ')}`;
}

function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export interface MigrateOutOptions extends MigrationLimits {
  /** Where the stream goes, such as `execUri([...])`. */
  readonly uri: string;
  /** How often to ask QEMU, default 50 ms. */
  readonly pollMs?: number;
  readonly onProgress?: (progress: MigrationProgress) => void;
  /** Cancels the migration: the guest goes on here. */
  readonly signal?: AbortSignal;
}

/** How a migration ended, as the source's QEMU says. It is a value: a failed migration leaves a running guest, here. */
export type MigrationOutcome =
  | { readonly status: 'completed'; readonly progress: MigrationProgress }
  | { readonly status: 'failed' | 'cancelled'; readonly reason: string; readonly progress: MigrationProgress };

/**
 * Moves the guest out and follows it to the end.
 *
 * `completed` says that the source wrote the whole stream, not that anybody read it: ask the destination before its last copy
 * is given up. A `signal` that comes too late to cancel gives `completed`.
 * @throws XiaError `qmp-error` when QEMU refuses to start, or dies.
 */
export async function migrateOut(qmp: QmpClient, options: MigrateOutOptions): Promise<MigrationOutcome> {
  const { signal } = options;
  await setMigrationLimits(qmp, options, signal);
  await qmp.execute('migrate', { uri: options.uri }, { signal });
  return followMigration(qmp, options);
}

/** Follows a migration that was started already until it ended; see `migrateOut`. */
export async function followMigration(qmp: QmpClient, options: Omit<MigrateOutOptions, 'uri'>): Promise<MigrationOutcome> {
  const { pollMs = DEFAULT_POLL_MS, onProgress, signal } = options;
  let cancelled = false;
  for (;;) {
    if (signal?.aborted && !cancelled) {
      cancelled = true;
      await qmp.execute('migrate_cancel');
    }
    const progress = await queryMigration(qmp);
    onProgress?.(progress);
    switch (progress.status) {
      case 'completed':
        return { status: 'completed', progress: await querySettled(qmp, progress) };
      case 'failed':
        return { status: 'failed', reason: progress.error ?? 'QEMU gave no reason', progress };
      case 'cancelled':
        return { status: 'cancelled', reason: 'the migration was cancelled', progress };
      default:
        // An abort shortens the sleep once; while QEMU cancels we only wait.
        await sleep(pollMs, undefined, cancelled || signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }
}

/** QEMU says `completed` a moment before it has worked out how long it took. */
async function querySettled(qmp: QmpClient, progress: MigrationProgress): Promise<MigrationProgress> {
  let settled = progress;
  for (let attempt = 0; attempt < SETTLE_ATTEMPTS && !settled.totalMs; attempt++) {
    await sleep(SETTLE_MS);
    settled = await queryMigration(qmp);
  }
  return settled;
}

/** Lets a source that waits in `pre-switchover` finish (capability `pause-before-switchover`). */
export async function continueMigration(qmp: QmpClient, signal?: AbortSignal): Promise<void> {
  await qmp.execute('migrate-continue', { state: 'pre-switchover' }, { signal });
}

/**
 * Tells a QEMU that was started with `incoming` where its stream comes from. Returns as soon as it reads.
 * @throws XiaError `qmp-error` when QEMU does not wait for a guest, or refuses the URI.
 */
export async function migrateIn(qmp: QmpClient, uri: string, signal?: AbortSignal): Promise<void> {
  await qmp.execute('migrate-incoming', { uri }, { signal });
}

/**
 * Waits until the guest runs here. An incoming QEMU that cannot load the stream ends, which closes
 * the monitor: that is the error then.
 * @throws XiaError `qmp-error` when the monitor closes, `timeout` (default 30 s), `interrupted`.
 */
export async function waitUntilRunning(qmp: QmpClient, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
  const done = new AbortController();
  const signal = options.signal === undefined ? done.signal : AbortSignal.any([options.signal, done.signal]);
  // Listen first: the event may come between the question and its answer.
  const resumed = qmp.waitForEvent('RESUME', { signal, timeoutMs: options.timeoutMs });
  resumed.catch(() => undefined);
  try {
    if ((await queryRunState(qmp, signal)).running) return;
    await resumed;
  } finally {
    done.abort();
  }
}

function checked<const S extends v.GenericSchema>(schema: S, answer: unknown, command: string): v.InferOutput<S> {
  const result = v.safeParse(schema, answer);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const reason = `${v.getDotPath(issue) ?? 'answer'}: ${issue.message}`;
  throw new XiaError('qmp-error', `QEMU's answer to ${command} cannot be understood (${reason})`, { command, reason });
}
