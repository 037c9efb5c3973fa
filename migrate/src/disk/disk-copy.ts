/** How one disk is doing. Sizes in bytes. */
export interface DiskProgress {
  readonly name: string;
  readonly state: 'waiting' | 'copying' | 'ready' | 'completing' | 'done' | 'failed' | 'left';
  readonly doneBytes: number;
  /** What there is to copy in all, as far as it is known; it grows with what the guest writes. */
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  readonly etaMs: number | undefined;
}

/** What became of one disk. */
export interface DiskResult {
  readonly name: string;
  readonly method: 'none' | 'nbd' | 'block';
  /** `copied`: the destination's image has all of it. `left`: it was not to be copied (`reason`). `failed`: the copy is of no use. */
  readonly outcome: 'copied' | 'left' | 'failed';
  readonly reason: string;
  readonly bytes: number;
  /** From the beginning of the copy to its end. */
  readonly timeMs: number;
}

/** A way of moving disks beside the memory. Until `switchOver` has resolved, and again after a failure, the source's disks are the ones that count. */
export interface DiskCopy {
  /** Migration capabilities that both QEMUs need for it, to be set before `migrate-incoming` and `migrate`. */
  readonly capabilities: { readonly source: Readonly<Record<string, boolean>>; readonly destination: Readonly<Record<string, boolean>> };
  /** Why the copy is of no use any more; undefined while it is. */
  readonly fault: string | undefined;
  /**
   * Copies until every disk is in step with its source.
   * @throws XiaError `disk-failed`, `interrupted`, `qmp-error`, `timeout`
   */
  prepare(signal: AbortSignal | undefined): Promise<void>;
  /**
   * The guest has stopped: ends the copies, all of them whole, and lets the destination's images go.
   * @throws XiaError as `prepare`
   */
  switchOver(signal: AbortSignal | undefined): Promise<void>;
  progress(): DiskProgress[];
  results(moved: boolean): DiskResult[];
  /** Leaves nothing of itself in the two QEMUs or on the machines. May be called at any time, more than once. Never throws. */
  close(): Promise<void>;
}
