import { fileURLToPath } from 'node:url';
import type { Xid } from 'xia-core';
import type { DiskOptions, DiskProgress, DiskResult } from '../disk/index.js';
import type { MigrationProgress, QmpClient } from '../qemu/index.js';

/** One of the two places of a migration. */
export interface MigrationSide {
  /** QEMU's monitor: the path of its QMP socket, or a conversation that stands already and stays open afterwards. */
  readonly qmp: string | QmpClient;
  /** ADDR:PORT, or unix:PATH, of the XIA host that `xmigrate` attaches to on this side. */
  readonly host: string;
  /** Directory of this side's state files. Two sides on one machine need two. */
  readonly stateDirectory: string;
  /** PEM file of the identity that `xmigrate` uses here; default: a fresh one. */
  readonly keyFile?: string;
  /** Control socket of the `xrouter` of that host, which is told what becomes of the guest; needs `guest`. */
  readonly control?: string;
  /** Socket of the standby whose program is used on this side (`qemuStream: unix`); default: a program is started. */
  readonly standby?: string;
}

/** What `runMigration` needs to know. Sizes in bytes, times in milliseconds. */
export interface RunMigrationOptions {
  readonly vm: string;
  readonly source: MigrationSide;
  readonly destination: MigrationSide;
  /** The HID of the guest: the hosts are told of it, and the one that gave it away refuses its copy (see `control`). */
  readonly guest?: Xid;
  /** ADs that both ends believe, comma separated; default: any. */
  readonly trust?: string;
  /** The command that starts `xmigrate`, as both QEMUs see it; default: this installation's. */
  readonly xmigrate?: readonly string[];
  /**
   * `unix` (default): `xmigrate` starts first, warm and connected, and QEMU comes to it. `exec`: each QEMU starts its program, for
   * machines that run as another user or see another file system.
   */
  readonly qemuStream?: 'unix' | 'exec';
  readonly downtimeLimitMs?: number;
  /** Default: as fast as the path bears. */
  readonly maxBandwidthBytesPerSecond?: number;
  readonly chunkBytes?: number;
  readonly windowBytes?: number;
  readonly holdBackBytes?: number;
  /** The secret of the VM's owner: what of its memory was moved before comes from caches. Only the source reads it. */
  readonly secretFile?: string;
  /** Where the event files of the two ends are kept; default: nowhere once it is over. */
  readonly eventsDirectory?: string;
  /** How long the programs may take for each step until they are ready for the VM; default 45 s, with `exec` 30 s until the destination listens. */
  readonly listenTimeoutMs?: number;
  /** How long after both ends are done the guest may take to run, default 30 s. */
  readonly settleTimeoutMs?: number;
  readonly pollMs?: number;
  /** Touches the memory of the destination first, see `prefaultMemory`. */
  readonly prefaults?: boolean;
  /** How the VM's disks move, default `auto`: what is not shared is copied beside the memory. */
  readonly disk?: DiskOptions;
  /** Gives the migration up while the VM is still the source's; after the commit it comes too late. */
  readonly signal?: AbortSignal;
}

/** Names of the moments that a run passes, in order. */
export type RunPhase =
  | 'checked'
  | 'prefaulted'
  | 'disks-copied'
  | 'listening'
  | 'started'
  | 'connected'
  | 'stopped'
  | 'disks-switched'
  | 'input-sent'
  | 'received'
  | 'committing'
  | 'taken'
  | 'resumed'
  | 'settled';

export interface RunMoment {
  readonly name: RunPhase;
  /** Since the run began. */
  readonly atMs: number;
}

/** How it goes, several times a second. */
export interface RunProgress {
  readonly phase: RunPhase | 'checking';
  readonly atMs: number;
  /** VM bytes and chunks offered so far. */
  readonly bytes: number;
  readonly chunks: number;
  readonly bytesPerSecond: number;
  /** QEMU's own view; undefined while its monitor does not answer. */
  readonly qemu: MigrationProgress | undefined;
  /** Empty when none is copied. */
  readonly disks: readonly DiskProgress[];
}

/** How it ended. Exactly one of the two QEMUs runs the guest, or none when `runner` says so. */
export interface RunResult {
  readonly vm: string;
  /** `moved`: the guest runs at the destination. `stayed`: it is the source's. `in-doubt`: see `reason`; nobody was started. */
  readonly outcome: 'moved' | 'stayed' | 'in-doubt';
  readonly runner: 'source' | 'destination' | 'none';
  /** Empty when moved. */
  readonly reason: string;
  /** Whether it stayed because the two ends could not reach each other any more. */
  readonly isUnreachable?: boolean | undefined;
  readonly bytes: number;
  readonly chunks: number;
  /** Bytes of chunks offered, with the lists of them: less than `bytes` where zero pages are told apart. */
  readonly offeredBytes: number | undefined;
  /** Bytes of chunks that the source itself was asked for; the rest came from caches, or was there already. */
  readonly servedBytes: number | undefined;
  /** Pages of the guest, when they are told apart: zero, sent for the first time, sent again. */
  readonly pages: { readonly zero: number; readonly fresh: number; readonly again: number } | undefined;
  readonly totalTimeMs: number;
  /** As the source's QEMU measured it: until its last byte was written. */
  readonly qemuDowntimeMs: number | undefined;
  /** From the guest's stop at the source to its start at the destination, as seen on the two monitors. */
  readonly pausedMs: number | undefined;
  /** SHA-256 of the VM stream at each end, hexadecimal; undefined at an end that did not finish. */
  readonly sha256: { readonly source: string | undefined; readonly destination: string | undefined };
  readonly phases: readonly RunMoment[];
  /** Every disk of the VM that was looked at, and what became of it. */
  readonly disks: readonly DiskResult[];
  readonly peakRssMb: { readonly source: number | undefined; readonly destination: number | undefined };
  /** Processor time of the two programs, user and system, from their start (or from when they were taken from a standby) to their summary. */
  readonly cpuSeconds: { readonly source: number | undefined; readonly destination: number | undefined };
}

/**
 * A transfer lives for seconds among processes that want the same processors: V8's helper threads, which compile and collect
 * beside it, take more from it than they give (a fifth of its CPU), and a small young generation keeps it small. A function has to run some four times
 * as long as usual before V8 optimises it: what is not hot that long is not worth what the optimising costs.
 */
const TRANSFER_V8_OPTIONS = ['--single-threaded', '--max-semi-space-size=4', '--interrupt-budget=600000'] as const;

/** The command that starts this installation's `xmigrate`. */
export function ownXmigrate(): readonly string[] {
  return [process.execPath, ...TRANSFER_V8_OPTIONS, fileURLToPath(new URL('../../bin/xmigrate.js', import.meta.url))];
}
