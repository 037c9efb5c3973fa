/** Sequences that are watched at a time. What falls out of the window unanswered is lost for good. */
export const WINDOW = 16_384;

/** How an answer stands to what was sent. */
export const AnswerKind = { NEW: 'new', DUPLICATE: 'duplicate', UNKNOWN: 'unknown' } as const;
export type AnswerKind = (typeof AnswerKind)[keyof typeof AnswerKind];

/** Times in ms since the start of the run. */
export interface PingSummary {
  readonly sent: number;
  readonly received: number;
  /** Answers that came later than `lateMs` after their echo; they are received, not lost. */
  readonly late: number;
  readonly duplicates: number;
  readonly errors: number;
  readonly lost: number;
  readonly lossPercent: number;
  /** Echoes at the end whose answer may still be under way: neither received nor lost. */
  readonly pending: number;
  readonly rttMs: { readonly min: number; readonly avg: number; readonly max: number } | undefined;
  /** Length of the longest run of consecutive losses, its first sequence and when that one was sent. */
  readonly longestLossRun: number;
  readonly longestLossFrom: number | undefined;
  readonly longestLossAtMs: number | undefined;
  /** The paper's measure: n losses in a row at an interval of t are a downtime of n*t, give or take one t. */
  readonly downtimeMs: number;
  readonly deviationMs: number;
}

/** Consecutive losses, fed in order of sequence. */
class LossRuns {
  lost = 0;
  longest = 0;
  longestFrom: number | undefined;
  longestAtMs: number | undefined;
  #run = 0;
  #runFrom = 0;
  #runAtMs = 0;

  next(sequence: number, sentMs: number, answered: boolean): void {
    if (answered) {
      this.#run = 0;
      return;
    }
    if (this.#run === 0) {
      this.#runFrom = sequence;
      this.#runAtMs = sentMs;
    }
    this.lost++;
    this.#run++;
    if (this.#run <= this.longest) return;
    this.longest = this.#run;
    this.longestFrom = this.#runFrom;
    this.longestAtMs = this.#runAtMs;
  }

  copy(): LossRuns {
    const copy = new LossRuns();
    copy.lost = this.lost;
    copy.longest = this.longest;
    copy.longestFrom = this.longestFrom;
    copy.longestAtMs = this.longestAtMs;
    copy.#run = this.#run;
    copy.#runFrom = this.#runFrom;
    copy.#runAtMs = this.#runAtMs;
    return copy;
  }
}

/**
 * The account of a run of echoes, however long, in bounded memory.
 *
 * An echo is lost when no answer has come by the end: one that arrives late, say because a router held it back while its
 * destination moved, makes no gap.
 */
export class PingStatistics {
  readonly #intervalMs: number;
  readonly #lateMs: number;
  readonly #sentMs = new Float64Array(WINDOW);
  readonly #answered = new Uint8Array(WINDOW);
  readonly #runs = new LossRuns();
  #next = 0;
  #first = 0;
  #received = 0;
  #late = 0;
  #duplicates = 0;
  #errors = 0;
  #minMs = Infinity;
  #maxMs = 0;
  #sumMs = 0;

  /** @param intervalMs the time between two echoes; @param lateMs an answer after more than this is called late */
  constructor(intervalMs: number, lateMs: number = Math.max(1000, 2 * intervalMs)) {
    this.#intervalMs = intervalMs;
    this.#lateMs = lateMs;
  }

  /** How many echoes were sent; the sequence of the next one. */
  get sent(): number {
    return this.#next;
  }

  get received(): number {
    return this.#received;
  }

  /** The longest round trip so far, 0 before the first answer. */
  get maxRttMs(): number {
    return this.#maxMs;
  }

  /** True when every echo that is still watched is answered. */
  get settled(): boolean {
    for (let sequence = this.#first; sequence < this.#next; sequence++) if (this.#answered[sequence % WINDOW] === 0) return false;
    return true;
  }

  /** Notes the echo with the next sequence. */
  send(nowMs: number): number {
    const sequence = this.#next++;
    if (sequence - this.#first >= WINDOW) this.#settle(this.#first++);
    this.#sentMs[sequence % WINDOW] = nowMs;
    this.#answered[sequence % WINDOW] = 0;
    return sequence;
  }

  /** The whole sequence that the 16 bits on the wire stand for: the newest one that was sent with these low bits. */
  expand(wireSequence: number): number {
    const newest = this.#next - 1;
    return newest - ((newest - wireSequence) & 0xffff);
  }

  /** When an echo was sent, undefined when it is not watched (any more). */
  sentAt(sequence: number): number | undefined {
    return sequence >= this.#first && sequence < this.#next ? this.#sentMs[sequence % WINDOW] : undefined;
  }

  /** Notes an answer. */
  answer(sequence: number, nowMs: number): AnswerKind {
    const sentMs = this.sentAt(sequence);
    if (sentMs === undefined) return AnswerKind.UNKNOWN;
    if (this.#answered[sequence % WINDOW] !== 0) {
      this.#duplicates++;
      return AnswerKind.DUPLICATE;
    }
    this.#answered[sequence % WINDOW] = 1;
    const rttMs = nowMs - sentMs;
    this.#received++;
    this.#sumMs += rttMs;
    if (rttMs < this.#minMs) this.#minMs = rttMs;
    if (rttMs > this.#maxMs) this.#maxMs = rttMs;
    if (rttMs > this.#lateMs) this.#late++;
    return AnswerKind.NEW;
  }

  /** Notes a message that says why an echo was not answered. */
  error(): void {
    this.#errors++;
  }

  /**
   * The account up to now.
   * @param pendingMs unanswered echoes at the very end that are younger than this are pending rather than lost
   */
  summary(nowMs: number, pendingMs = 0): PingSummary {
    let end = this.#next;
    while (end > this.#first && this.#answered[(end - 1) % WINDOW] === 0 && nowMs - (this.#sentMs[(end - 1) % WINDOW] ?? 0) < pendingMs)
      end--;
    const runs = this.#runs.copy();
    for (let sequence = this.#first; sequence < end; sequence++) this.#feed(runs, sequence);
    const settledEchoes = end;
    return {
      sent: this.#next,
      received: this.#received,
      late: this.#late,
      duplicates: this.#duplicates,
      errors: this.#errors,
      lost: runs.lost,
      lossPercent: settledEchoes === 0 ? 0 : (100 * runs.lost) / settledEchoes,
      pending: this.#next - end,
      rttMs: this.#received === 0 ? undefined : { min: this.#minMs, avg: this.#sumMs / this.#received, max: this.#maxMs },
      longestLossRun: runs.longest,
      longestLossFrom: runs.longestFrom,
      longestLossAtMs: runs.longestAtMs,
      downtimeMs: runs.longest * this.#intervalMs,
      deviationMs: this.#intervalMs,
    };
  }

  #feed(runs: LossRuns, sequence: number): void {
    runs.next(sequence, this.#sentMs[sequence % WINDOW] ?? 0, this.#answered[sequence % WINDOW] !== 0);
  }

  #settle(sequence: number): void {
    this.#feed(this.#runs, sequence);
  }
}
