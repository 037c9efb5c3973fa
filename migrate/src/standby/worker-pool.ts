export interface PoolSize {
  /** Workers that are kept. */
  readonly workers: number;
  /** The most that there may be at once. */
  readonly maximum: number;
}

/** What becomes of somebody who wants a program: a worker's number, a wait for the next one that is free, or nothing. */
export type Grant = number | 'wait' | 'busy';

/** `warm` plays transfers before it is ready; `cold` is for somebody who waits. */
export interface WorkerStart {
  readonly id: number;
  readonly how: 'warm' | 'cold';
}

/** How long to wait before the next worker is started after one that never became ready, doubled each time. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Who of a standby's workers does what: a machine without processes.
 *
 * Inputs: `wanted`, `ready`, `free`, `left`; after each, `starts` says which workers to start, and `dismissed` which to end.
 */
export class WorkerPool {
  readonly #size: PoolSize;
  readonly #starting = new Set<number>();
  readonly #idle: number[] = [];
  readonly #busy = new Set<number>();
  #waiting = 0;
  #nextId = 1;
  #faults = 0;
  #pauseUntilMs = 0;

  constructor(size: PoolSize) {
    this.#size = size;
  }

  get counts(): { readonly starting: number; readonly idle: number; readonly busy: number; readonly waiting: number } {
    return { starting: this.#starting.size, idle: this.#idle.length, busy: this.#busy.size, waiting: this.#waiting };
  }

  /** Somebody wants a program. The one that was used last comes first: its memory is the warmest. */
  wanted(): Grant {
    const id = this.#idle.pop();
    if (id !== undefined) {
      this.#busy.add(id);
      return id;
    }
    const coming = this.#starting.size - this.#waiting;
    if (coming <= 0 && this.#total >= this.#size.maximum) return 'busy';
    this.#waiting++;
    return 'wait';
  }

  /** A worker that was started is ready. True when it is for somebody who waits. */
  ready(id: number): boolean {
    if (!this.#starting.delete(id)) return false;
    this.#faults = 0;
    return this.#place(id);
  }

  /** A worker has run its program. True when it is for somebody who waits. */
  free(id: number): boolean {
    return this.#busy.delete(id) && this.#place(id);
  }

  /** A worker has ended, or takes nothing more. */
  left(id: number, nowMs: number): void {
    if (this.#starting.delete(id)) {
      this.#pauseUntilMs = nowMs + Math.min(FIRST_PAUSE_MS * 2 ** this.#faults, LONGEST_PAUSE_MS);
      this.#faults++;
    }
    this.#busy.delete(id);
    const at = this.#idle.indexOf(id);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** When `starts` may have something to say again; Infinity when nothing is missing. */
  nextStartMs(nowMs: number): number {
    if (this.#missing === 0) return Infinity;
    return Math.max(nowMs, this.#pauseUntilMs);
  }

  /** The workers that are to be started now. */
  starts(nowMs: number): WorkerStart[] {
    if (nowMs < this.#pauseUntilMs) return [];
    return Array.from({ length: this.#missing }, () => {
      const id = this.#nextId++;
      const how = this.#waiting > this.#starting.size ? 'cold' : 'warm';
      this.#starting.add(id);
      return { id, how };
    });
  }

  /** Workers that have nothing to do and are more than are kept; they are not counted any more. */
  dismissed(): number[] {
    const surplus = Math.min(this.#total - this.#size.workers, this.#idle.length);
    return surplus > 0 ? this.#idle.splice(0, surplus) : [];
  }

  get #total(): number {
    return this.#starting.size + this.#idle.length + this.#busy.size;
  }

  get #missing(): number {
    const unserved = Math.max(0, this.#waiting - this.#starting.size);
    const room = this.#size.maximum - this.#total;
    return Math.max(0, Math.min(room, Math.max(unserved, this.#size.workers - this.#total)));
  }

  #place(id: number): boolean {
    if (this.#waiting > 0) {
      this.#waiting--;
      this.#busy.add(id);
      return true;
    }
    this.#idle.push(id);
    return false;
  }
}
