import * as v from 'valibot';
import { errorCodes, type ErrorCode } from 'xia-core';

const errorCodeNames = Object.keys(errorCodes) as ErrorCode[];

const startedSchema = v.looseObject({ pid: v.number() });
const detachedSchema = v.looseObject({ reason: v.string() });
const figuresSchema = v.object({ bytes: v.number(), chunks: v.number(), bytesPerSecond: v.optional(v.number(), 0) });
const summarySchema = v.looseObject({
  outcome: v.string(),
  bytes: v.optional(v.number(), 0),
  chunks: v.optional(v.number(), 0),
  sha256: v.optional(v.string()),
  reason: v.optional(v.string(), ''),
  offeredBytes: v.optional(v.number()),
  servedBytes: v.optional(v.number()),
  pages: v.optional(v.object({ zero: v.number(), fresh: v.number(), again: v.number() })),
  /** Its error's code where it failed before a transfer began, else that of the ABORT. */
  code: v.optional(v.string()),
  peakRssMb: v.optional(v.number()),
  cpuSeconds: v.optional(v.number()),
});

export type ProgramSummary = v.InferOutput<typeof summarySchema>;

const abortErrors: Readonly<Record<string, ErrorCode>> = {
  busy: 'refused',
  cancelled: 'interrupted',
  'peer-lost': 'unreachable',
  version: 'refused',
  'wrong-vm': 'refused',
};

/** What the end of a program is for whoever had started it. */
export function errorCodeOf({ code = '' }: ProgramSummary): ErrorCode {
  return errorCodeNames.find((name) => name === code) ?? abortErrors[code] ?? 'program-failed';
}

export type EventListener = (event: string, fields: Readonly<Record<string, unknown>>) => void;

/** An `xmigrate send` or `recv` as whoever drives it sees it. */
export interface Program {
  readonly pid: number | undefined;
  readonly figures: { readonly bytes: number; readonly chunks: number; readonly bytesPerSecond: number };
  /** Its last word. */
  readonly summary: ProgramSummary | undefined;
  /** What it cannot reach on its own side of the network, as a sentence; undefined while it is attached there. */
  readonly missingThere: string | undefined;
  /** Whether the program is over: it has said its last word, or its process has gone. False before it has started. */
  readonly isOver: boolean;
  /** How its process ended where it had no last word, as a sentence goes on after its name. */
  readonly fate: string;
  /** Whether it was asked to stop, so that its last word says so and no more. */
  readonly wasStopped: boolean;
  /** Asks it to stop, once: a second signal would end it at once. False when it has not started or is over. */
  stop(): boolean;
  /** Reads what was written since the last time, where that is not told at once. */
  poll(): void;
  close(): void;
}

/** What the events of a program add up to. */
export class ProgramLog {
  #pid: number | undefined;
  #figures = { bytes: 0, chunks: 0, bytesPerSecond: 0 };
  #summary: ProgramSummary | undefined;
  #missingThere: string | undefined;

  get pid(): number | undefined {
    return this.#pid;
  }

  get figures(): Program['figures'] {
    return this.#figures;
  }

  get summary(): ProgramSummary | undefined {
    return this.#summary;
  }

  get missingThere(): string | undefined {
    return this.#missingThere;
  }

  add(event: string, fields: Readonly<Record<string, unknown>>): void {
    if (event === 'started' && v.is(startedSchema, fields)) this.#pid = fields.pid;
    if (event === 'attached') this.#missingThere = undefined;
    if (event === 'detached' && v.is(detachedSchema, fields)) this.#missingThere = fields.reason;
    const figures = v.safeParse(figuresSchema, fields);
    if (figures.success) this.#figures = figures.output;
    if (event !== 'summary') return;
    const summary = v.safeParse(summarySchema, fields);
    if (summary.success) this.#summary = summary.output;
  }
}
