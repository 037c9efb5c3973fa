/** Size of the pages that QEMU tracks. */
export const PAGE_BYTES = 4096;
const PAGE_WORDS = PAGE_BYTES / 4;
const TICK_MS = 20;
/** Pages filled between two turns of the event loop: some 20 ms of work on a translated processor. */
const FILL_BATCH_PAGES = 512;
/** A stall (the move itself) is not made up for: the guest would hang where it is watched most closely. */
const MAX_CATCH_UP_MS = 100;

export interface WorkloadOptions {
  /** How much memory to hold, rounded down to pages. */
  readonly bytes: number;
  /** How fast to rewrite it, page by page at random places. 0 leaves it alone. */
  readonly dirtyBytesPerSecond: number;
  /** Any 32-bit number; the content depends on nothing else. */
  readonly seed: number;
}

export interface WorkloadStatus {
  readonly bytes: number;
  readonly filledBytes: number;
  /** Pages rewritten since the fill ended; it only grows. */
  readonly counter: number;
}

/**
 * Memory that does not compress and keeps changing, so that a move has something to carry.
 *
 * Every page is a function of the seed, its number and how often it was written, so its content can be checked after a move
 * (`findDamage`) without a second copy.
 */
export class Workload {
  readonly #words: Uint32Array;
  readonly #versions: Uint32Array;
  readonly #seed: number;
  readonly #pagesPerMs: number;
  #filledPages = 0;
  #counter = 0;
  #choice: number;
  #debtPages = 0;

  constructor(options: WorkloadOptions) {
    const pages = Math.floor(options.bytes / PAGE_BYTES);
    this.#words = new Uint32Array(pages * PAGE_WORDS);
    this.#versions = new Uint32Array(pages);
    this.#seed = options.seed >>> 0;
    this.#choice = mix(this.#seed ^ 0x5bd1e995) | 1;
    this.#pagesPerMs = options.dirtyBytesPerSecond / PAGE_BYTES / 1000;
  }

  get status(): WorkloadStatus {
    return { bytes: this.#words.length * 4, filledBytes: this.#filledPages * PAGE_BYTES, counter: this.#counter };
  }

  /** The memory itself. */
  get memory(): Uint8Array {
    return new Uint8Array(this.#words.buffer);
  }

  /** Writes the next pages for the first time, at most `pages`. Returns whether any are left. */
  fill(pages: number): boolean {
    const end = Math.min(this.#versions.length, this.#filledPages + pages);
    for (let page = this.#filledPages; page < end; page++) this.#write(page);
    this.#filledPages = end;
    return end < this.#versions.length;
  }

  /** Rewrites as many pages as `elapsedMs` asks for. */
  dirty(elapsedMs: number): void {
    if (this.#filledPages === 0) return;
    this.#debtPages += Math.min(elapsedMs, MAX_CATCH_UP_MS) * this.#pagesPerMs;
    for (; this.#debtPages >= 1; this.#debtPages--) {
      this.#choice = xorshift(this.#choice);
      const page = (this.#choice >>> 0) % this.#filledPages;
      this.#versions[page] = (this.#versions[page] ?? 0) + 1;
      this.#write(page);
      this.#counter++;
    }
  }

  /** The first page whose content is not what was written, or -1. Looks at every `stride`-th page. */
  findDamage(stride = 1): number {
    const words = this.#words;
    for (let page = 0; page < this.#filledPages; page += stride) {
      let state = this.#start(page);
      const end = (page + 1) * PAGE_WORDS;
      for (let at = page * PAGE_WORDS; at < end; at++) {
        state = xorshift(state);
        if (words[at] !== state >>> 0) return page;
      }
    }
    return -1;
  }

  #write(page: number): void {
    const words = this.#words;
    let state = this.#start(page);
    const end = (page + 1) * PAGE_WORDS;
    for (let at = page * PAGE_WORDS; at < end; at++) {
      state = xorshift(state);
      words[at] = state;
    }
  }

  #start(page: number): number {
    // xorshift stays at zero for ever.
    return mix(mix(this.#seed + page) + (this.#versions[page] ?? 0)) | 1;
  }
}

/** A workload that runs by itself. */
export interface RunningWorkload {
  readonly workload: Workload;
  /** Resolves when every page was written once. */
  readonly filled: Promise<void>;
  stop(): void;
}

/** Fills a workload in small steps, then rewrites it at its rate, leaving the event loop to others in between. */
export function runWorkload(options: WorkloadOptions): RunningWorkload {
  const workload = new Workload(options);
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const startDirtying = () => {
    let last = performance.now();
    timer = setInterval(() => {
      const now = performance.now();
      workload.dirty(now - last);
      last = now;
    }, TICK_MS);
  };
  const filled = new Promise<void>((resolve) => {
    const step = () => {
      if (!stopped && workload.fill(FILL_BATCH_PAGES)) {
        setImmediate(step);
        return;
      }
      if (!stopped) startDirtying();
      resolve();
    };
    step();
  });
  return {
    workload,
    filled,
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

/** One step of a 32-bit xorshift generator (Marsaglia 2003): three operations per word, and no compressor finds the rule. */
function xorshift(state: number): number {
  let next = state;
  next ^= next << 13;
  next ^= next >>> 17;
  return next ^ (next << 5);
}

/** Spreads neighbouring numbers over all 32 bits (the finisher of MurmurHash3). */
function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
