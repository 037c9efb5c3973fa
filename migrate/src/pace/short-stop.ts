/** What of QEMU's answer it looks at. */
interface PassSample {
  readonly status: string;
  /** 1 for the first time through the memory. */
  readonly pass: number;
}

/** For how long the guest is to stand still where that is possible, ms. */
const WANTED_MS = 30;
/** What must fit into that time where the bandwidth is limited: less than this any guest changes, however little it does. */
const LEAST_BYTES = 1e6;
/** In the third pass it is plain that what the guest changes in one does not become so little by itself. */
const PATIENT_PASSES = 2;

/**
 * Stops a guest for as short as it can be had. QEMU stops it as soon as the rest fits the limit, even in the middle of the first pass: with the
 * whole limit from the beginning, an idle guest would stand still for all of it, and for nothing. So QEMU is told a short limit first, and
 * the whole one for a guest that is still not through after two passes. If whoever asks QEMU dies before that, a busy guest stays where it
 * is; so no slow move, in which that takes long, begins with a short limit.
 */
export class ShortStop {
  readonly #limitMs: number;
  /** What QEMU is told before the migration, ms. */
  readonly firstLimitMs: number;
  #isRaised: boolean;

  /**
   * @param limitMs for how long the guest may stand still
   * @param bytesPerSecond what the move may take of the way
   */
  constructor(limitMs: number, bytesPerSecond = Infinity) {
    const isSlow = (bytesPerSecond * WANTED_MS) / 1000 < LEAST_BYTES;
    this.#limitMs = limitMs;
    this.firstLimitMs = isSlow ? limitMs : Math.min(limitMs, WANTED_MS);
    this.#isRaised = this.firstLimitMs === limitMs;
  }

  /** What QEMU is to be told now, ms; undefined for nothing. */
  handle({ status, pass }: PassSample): number | undefined {
    if (this.#isRaised || status !== 'active' || pass <= PATIENT_PASSES) return undefined;
    this.#isRaised = true;
    return this.#limitMs;
  }
}
