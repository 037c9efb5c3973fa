/** One measured moment of a run; `atMs` counts from the start of the migration, so what came before is negative. */
export interface Phase {
  readonly name: string;
  readonly atMs: number;
}

/** One echo: when it was sent, and its round trip when it was answered. */
export interface EchoPoint {
  readonly atMs: number;
  readonly rttMs: number | undefined;
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen, in words. */
  readonly detail?: string;
}

/** What `report.json` holds. Milliseconds, bytes, and MB of 10^6 bytes. */
export interface Report {
  readonly scenario: string;
  readonly startedAt: string;
  readonly bytes: number;
  readonly chunks: number;
  readonly totalTimeMs: number;
  readonly qemuDowntimeMs: number;
  readonly xping: {
    readonly intervalMs: number;
    readonly sent: number;
    readonly lost: number;
    readonly downtimeMs: number;
    readonly deviationMs: number;
    readonly maxRttMs?: number;
  };
  readonly stream: {
    readonly answers: number;
    readonly wrong: number;
    readonly reconnects: number;
    readonly missing?: number;
    readonly longestGapMs?: number;
  };
  readonly dgram?: { readonly sent: number; readonly answered: number; readonly downtimeMs: number };
  readonly oldDag: { readonly sent: number; readonly answered: number };
  readonly phases: readonly Phase[];
  readonly peakRssMb: Readonly<Record<string, number>>;
  readonly checks: readonly Check[];
  readonly versions: Readonly<Record<string, string>>;
  /** Each move of a scenario with several. The figures above are of the first; the sums of xping and stream are of all. */
  readonly moves?: readonly {
    readonly from: string;
    readonly to: string;
    readonly bytes: number;
    readonly totalTimeMs: number;
    readonly qemuDowntimeMs: number;
  }[];
}
