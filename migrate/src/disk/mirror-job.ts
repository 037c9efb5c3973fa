import * as v from 'valibot';
import type { QmpEvent } from '../qemu/index.js';

/** A copy that has been over everything once and gets no nearer to the end for so long is overtaken by the guest's writes. */
const STANDSTILL_MS = 5_000;
/** The rate is that of about the last second. */
const RATE_SMOOTHING_MS = 1_000;

/**
 * Where the copy of one disk is.
 *
 *     copying --BLOCK_JOB_READY--> ready --complete()--> completing --BLOCK_JOB_COMPLETED--> done
 *     copying, ready, completing --an error, a cancellation, an end that nobody asked for--> failed
 *     copying --restart()--> copying
 *
 * `ready`: the target had all of the source once, and every write since goes to both.
 */
export type MirrorState = 'copying' | 'ready' | 'completing' | 'done' | 'failed';

const jobEventSchema = v.object({
  device: v.string(),
  error: v.optional(v.string()),
  operation: v.optional(v.string()),
  len: v.optional(v.number()),
  offset: v.optional(v.number()),
});

const jobListSchema = v.array(
  v.object({ device: v.string(), len: v.number(), offset: v.number(), ready: v.boolean(), error: v.optional(v.string()) }),
);

/** What `query-block-jobs` says about one job, in bytes. */
export interface JobFigures {
  readonly totalBytes: number;
  readonly doneBytes: number;
  readonly isReady: boolean;
}

/** Reads an answer to `query-block-jobs`. @throws when it is none */
export function parseJobs(answer: unknown): ReadonlyMap<string, JobFigures> {
  return new Map(
    v
      .parse(jobListSchema, answer)
      .map(({ device, len, offset, ready }) => [device, { totalBytes: len, doneBytes: offset, isReady: ready }]),
  );
}

/** The life of one mirror job, as QEMU's events and figures tell it. Times are monotonic milliseconds. */
export class MirrorJob {
  readonly id: string;
  readonly #sizeBytes: number;
  #state: MirrorState = 'copying';
  #reason = '';
  #doneBytes = 0;
  #totalBytes: number;
  #bytesPerSecond = 0;
  #lookedAtMs: number | undefined;
  #leastLeft = Number.POSITIVE_INFINITY;
  #leastLeftAtMs = 0;

  /** @param sizeBytes of the disk, as the guest sees it */
  constructor(id: string, sizeBytes: number) {
    this.id = id;
    this.#sizeBytes = sizeBytes;
    this.#totalBytes = sizeBytes;
  }

  get state(): MirrorState {
    return this.#state;
  }

  /** Why it failed; empty otherwise. */
  get reason(): string {
    return this.#reason;
  }

  /** Bytes copied and bytes known to be copied in the end; both grow with what the guest writes. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  /** How long the rest takes at this rate; undefined while nothing moves. */
  get etaMs(): number | undefined {
    const left = this.#totalBytes - this.#doneBytes;
    if (left <= 0) return 0;
    return this.#bytesPerSecond > 0 ? Math.round((left / this.#bytesPerSecond) * 1000) : undefined;
  }

  /** An event of the source's QEMU; those of other jobs are let pass. */
  event({ event, data }: QmpEvent): void {
    if (!event.startsWith('BLOCK_JOB_')) return;
    const parsed = v.safeParse(jobEventSchema, data);
    if (!parsed.success || parsed.output.device !== this.id) return;
    const { error, operation, len, offset } = parsed.output;
    if (!this.#isOver && len !== undefined && offset !== undefined) [this.#totalBytes, this.#doneBytes] = [len, offset];
    switch (event) {
      case 'BLOCK_JOB_READY':
        if (this.#state === 'copying') this.#state = 'ready';
        return;
      case 'BLOCK_JOB_ERROR':
        // The job ends with it, and says only then in full what happened.
        if (this.#reason === '') this.#reason = `a ${operation ?? 'disk access'} failed`;
        return;
      case 'BLOCK_JOB_COMPLETED':
        if (error !== undefined) this.fail(`${this.#reason === '' ? '' : `${this.#reason}: `}${error}`);
        else if (this.#state === 'completing') this.#state = 'done';
        else this.fail('somebody else ended the copy');
        return;
      case 'BLOCK_JOB_CANCELLED':
        this.fail(this.#reason === '' ? 'the copy was cancelled' : this.#reason);
        return;
      default:
    }
  }

  /** What QEMU says about the job at this time; undefined when it has no such job. */
  look(figures: JobFigures | undefined, nowMs: number): void {
    if (this.#isOver) return;
    if (figures === undefined) {
      // Its last event was lost, or came before anybody listened.
      this.fail(this.#reason === '' ? 'the copy has gone' : this.#reason);
      return;
    }
    if (figures.isReady && this.#state === 'copying') this.#state = 'ready';
    const elapsedMs = this.#lookedAtMs === undefined ? 0 : nowMs - this.#lookedAtMs;
    if (elapsedMs > 0) {
      const rate = Math.max(0, ((figures.doneBytes - this.#doneBytes) * 1000) / elapsedMs);
      const weight = Math.min(1, elapsedMs / RATE_SMOOTHING_MS);
      this.#bytesPerSecond = Math.round(this.#bytesPerSecond * (1 - weight) + rate * weight);
    }
    this.#lookedAtMs = nowMs;
    this.#doneBytes = figures.doneBytes;
    this.#totalBytes = figures.totalBytes;
    const left = figures.totalBytes - figures.doneBytes;
    if (left < this.#leastLeft) {
      this.#leastLeft = left;
      this.#leastLeftAtMs = nowMs;
    }
  }

  /** Whether the guest writes faster than the copy follows: then its writes have to wait for the copy. */
  isOvertaken(nowMs: number): boolean {
    return this.#state === 'copying' && this.#doneBytes >= this.#sizeBytes && nowMs - this.#leastLeftAtMs >= STANDSTILL_MS;
  }

  /** The copy begins anew. */
  restart(nowMs: number): void {
    this.#state = 'copying';
    this.#reason = '';
    this.#doneBytes = 0;
    this.#totalBytes = this.#sizeBytes;
    this.#lookedAtMs = undefined;
    this.#bytesPerSecond = 0;
    this.#leastLeft = Number.POSITIVE_INFINITY;
    this.#leastLeftAtMs = nowMs;
  }

  /** A ready job is asked to end. False when it is not ready. */
  complete(): boolean {
    if (this.#state !== 'ready') return false;
    this.#state = 'completing';
    return true;
  }

  fail(reason: string): void {
    if (this.#isOver) return;
    this.#state = 'failed';
    this.#reason = reason;
  }

  get #isOver(): boolean {
    return this.#state === 'done' || this.#state === 'failed';
  }
}
