/** How a migration stood at one moment, in bytes of guest memory. */
export interface PaceSample {
  readonly atMs: number;
  /** 1 while the whole memory is gone through for the first time; each further pass takes what has changed since. */
  readonly pass: number;
  readonly remainingBytes: number;
  /** As QEMU measured it over the last pass; 0 during the first. */
  readonly dirtyBytesPerSecond: number;
}
