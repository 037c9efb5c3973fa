/** What a sink says first. */
export interface SinkReady {
  readonly port: number;
}

/** What a sink says when its connection is over. */
export interface SinkCount {
  readonly bytes: number;
  /** From the first byte to the last. */
  readonly seconds: number;
  /** Bytes that came in each `SAMPLE_MS` since the first one. */
  readonly samples: readonly number[];
}

export const SAMPLE_MS = 100;
