/** Something that is transferred in the laboratory, and says how far it is. */
export interface Flow {
  readonly name: string;
  /** What arrives in the end, in both directions together. */
  readonly totalBytes: number;
  readonly deliveredBytes: number;
  /** When the last byte had arrived. */
  readonly completeAtMs: number | undefined;
  /** Nothing more will happen. */
  readonly isOver: boolean;
  /** Content bytes that were sent, repetitions included, and the repetitions. */
  readonly sentAndResent: readonly [number, number];
  start(): void;
  /** What went wrong, in words, once it is over. */
  fault(): string | undefined;
}
