/** XIP packets of this size pass nearly every path: IPv6 demands 1280 bytes, of which IP and UDP take at most 48. */
export const BASE_MTU = 1200;
/** The least that a path must carry, also what {@link MtuSearch} falls to where the base does not pass. */
export const LEAST_MTU = 576;

/** So many packets in a row that are larger than the base must be lost, while smaller ones get through. */
const SUSPICIOUS_LOSSES = 3;
/** RFC 8899 section 5.1.2, MAX_PROBES: a size that was lost so often does not pass. */
const MAX_PROBES = 3;
/** RFC 8899 section 5.1.1, PMTU_RAISE_TIMER. */
const RAISE_MS = 600_000;
/** What links often carry: 802.3 and jumbo frames with and without tunnels, as XIP packets in UDP over IPv4 and IPv6. */
const USUAL_SIZES = [1232, 1252, 1372, 1452, 1464, 1472, 2020, 4324, 8952, 8972] as const;

/**
 * Where the search is.
 *
 *     trusting --large packets vanish--> searching --nothing left to try--> settled
 *        settled --large packets vanish, or a larger size may pass--> searching
 */
export const MtuState = {
  /** What the face, or an XCMP message, says is believed: nothing was ever lost because of its size. */
  TRUSTING: 'trusting',
  /** Packets are as large as has passed, or as the base; larger ones are tried with probes. */
  SEARCHING: 'searching',
  SETTLED: 'settled',
} as const;
export type MtuState = (typeof MtuState)[keyof typeof MtuState];

/**
 * The largest packet that a path carries, found out by what becomes of packets (DPLPMTUD, RFC 8899), because a link may drop
 * what is too large without a word. All sizes are those of XIP packets in bytes.
 *
 * It begins at the largest that the face allows rather than at the base, since most paths carry that. Whenever large packets
 * vanish while smaller ones pass, it falls to the base at once and tries the size that it had first: when that was no black
 * hole, one round trip later all is as before.
 *
 * Inputs: {@link limit}, {@link acked}, {@link proved}, {@link lost}, {@link probeSent}, {@link probeAcked}, {@link probeLost}. Outputs:
 * {@link packetBytes} and {@link nextProbe}. It needs no timer: probes go only beside packets that are sent anyway.
 */
export class MtuSearch {
  #state: MtuState = MtuState.TRUSTING;
  #limitBytes = 0;
  #packetBytes = 0;
  /** Searching: nothing larger is tried. */
  #highBytes = 0;
  #candidateBytes = 0;
  #candidateLosses = 0;
  #isProbing = false;
  #raiseAtMs = Infinity;
  /** Packets too large for the floor that were lost in a row: how many, the smallest, and when the first was sent. */
  #lostCount = 0;
  #smallestLostBytes = Infinity;
  #firstLostMs = Infinity;
  /** When the newest acknowledged packet was sent; the newest that was larger than the floor, and how large it was. */
  #newestAckedMs = -Infinity;
  #newestLargeMs = -Infinity;
  #newestLargeBytes = 0;
  /** What was sent up to then is not counted any more. */
  #fellMs = -Infinity;
  readonly #firstRaiseMs: number;
  /** How long a result stands before the limit is tried again. */
  #raiseMs: number;
  /** How often packets were found to vanish. */
  blackHoles = 0;

  /**
   * @param firstRaiseMs after which the limit is tried again for the first time, then after twice as long each time, up to ten minutes.
   * Less where losses may also be those of a machine that is too busy, for whom what comes by size is only likelier to be lost.
   */
  constructor(firstRaiseMs = RAISE_MS) {
    this.#firstRaiseMs = firstRaiseMs;
    this.#raiseMs = firstRaiseMs;
  }

  get state(): MtuState {
    return this.#state;
  }

  /** How large packets may be. */
  get packetBytes(): number {
    return this.#packetBytes;
  }

  /** The search is over and has found that less passes than the limit says: how much; otherwise 0. */
  get foundBytes(): number {
    return this.#mayRaise ? this.#packetBytes : 0;
  }

  /** The size that is tried next, or just now; 0 when none is. */
  get nextProbe(): number {
    return this.#state === MtuState.SEARCHING ? this.#candidateBytes : 0;
  }

  /** A probe of {@link nextProbe} bytes is wanted now. */
  get wantsProbe(): boolean {
    return this.#state === MtuState.SEARCHING && !this.#isProbing;
  }

  /** What the face and XCMP messages allow now. A smaller limit counts at once, a larger one is tried. */
  limit(limitBytes: number, now: number): void {
    if (this.#packetBytes === 0) {
      this.#limitBytes = limitBytes;
      this.#packetBytes = limitBytes;
      return;
    }
    if (limitBytes === this.#limitBytes && now < this.#raiseAtMs) {
      if (this.#raiseAtMs === Infinity && this.#mayRaise) this.#raiseAtMs = now + this.#raiseMs;
      return;
    }
    if (now >= this.#raiseAtMs) this.#raiseMs = Math.min(2 * this.#raiseMs, RAISE_MS);
    this.#limitBytes = limitBytes;
    if (limitBytes <= this.#packetBytes) {
      this.#packetBytes = limitBytes;
      this.#raiseAtMs = Infinity;
      if (this.#state === MtuState.SEARCHING) this.#settle();
    } else if (this.#state !== MtuState.SEARCHING) {
      this.#search(limitBytes, limitBytes);
    } else if (limitBytes < this.#highBytes) {
      this.#highBytes = limitBytes;
      if (this.#candidateBytes > limitBytes) this.#try(limitBytes);
    }
  }

  /** The path is another one: what was learnt of the old one does not count. */
  reset(): void {
    this.#state = MtuState.TRUSTING;
    this.#packetBytes = 0;
    this.#isProbing = false;
    this.#raiseAtMs = Infinity;
    this.#raiseMs = this.#firstRaiseMs;
    this.#newestAckedMs = -Infinity;
    this.#newestLargeMs = -Infinity;
    this.#newestLargeBytes = 0;
    this.#fellMs = -Infinity;
    this.#forgetLosses();
  }

  /** A packet arrived, sent at `sentMs`. */
  acked(bytes: number, sentMs: number): void {
    if (sentMs > this.#newestAckedMs) this.#newestAckedMs = sentMs;
    if (bytes > this.#floorBytes && sentMs >= this.#newestLargeMs) {
      this.#newestLargeMs = sentMs;
      this.#newestLargeBytes = bytes;
    }
    if (this.#lostCount === 0) return;
    if (bytes >= this.#smallestLostBytes && sentMs >= this.#firstLostMs) this.#forgetLosses();
    else this.#judge();
  }

  /** A packet was lost, sent at `sentMs`. */
  lost(bytes: number, sentMs: number): void {
    if (bytes <= this.#floorBytes) return;
    // It left before the fall.
    if (bytes > this.#packetBytes || sentMs <= this.#fellMs) return;
    // One of its size that was sent later has passed: an ordinary loss.
    if (this.#newestLargeMs >= sentMs && this.#newestLargeBytes >= bytes) return;
    this.#lostCount++;
    this.#smallestLostBytes = Math.min(this.#smallestLostBytes, bytes);
    this.#firstLostMs = Math.min(this.#firstLostMs, sentMs);
    this.#judge();
  }

  /** A packet larger than any that may be sent now has arrived, late: the path carries it. */
  proved(bytes: number): void {
    if (this.#state === MtuState.TRUSTING || bytes <= this.#packetBytes || bytes > this.#limitBytes) return;
    this.#packetBytes = bytes;
    this.#forgetLosses();
    if (this.#state === MtuState.SEARCHING) this.#choose();
  }

  /** The probe of {@link nextProbe} bytes went out. */
  probeSent(): void {
    this.#isProbing = true;
  }

  /** The probe has become meaningless before its fate was known. */
  probeDropped(): void {
    this.#isProbing = false;
  }

  probeAcked(bytes: number): void {
    this.#isProbing = false;
    if (this.#state === MtuState.SEARCHING) this.proved(bytes);
  }

  probeLost(bytes: number): void {
    this.#isProbing = false;
    if (this.#state !== MtuState.SEARCHING || bytes !== this.#candidateBytes) return;
    if (++this.#candidateLosses < MAX_PROBES) return;
    this.#highBytes = bytes - 1;
    this.#choose();
  }

  get #mayRaise(): boolean {
    return this.#state === MtuState.SETTLED && this.#packetBytes < this.#limitBytes;
  }

  /** What is fallen back to. Of packets up to that size, no loss is because of their size. */
  get #floorBytes(): number {
    return this.#packetBytes > BASE_MTU ? BASE_MTU : LEAST_MTU;
  }

  /** Losses that nothing of their size disproves, while something that was sent no earlier has passed. */
  #judge(): void {
    if (this.#lostCount < SUSPICIOUS_LOSSES || this.#newestAckedMs < this.#firstLostMs) return;
    this.blackHoles++;
    const former = this.#packetBytes;
    this.#packetBytes = this.#floorBytes;
    this.#newestLargeMs = -Infinity;
    this.#newestLargeBytes = 0;
    this.#fellMs = this.#newestAckedMs;
    this.#forgetLosses();
    const high = this.#state === MtuState.SEARCHING ? Math.max(former, this.#highBytes) : former;
    this.#search(high, former);
  }

  #forgetLosses(): void {
    this.#lostCount = 0;
    this.#smallestLostBytes = Infinity;
    this.#firstLostMs = Infinity;
  }

  #search(highBytes: number, firstBytes: number): void {
    this.#state = MtuState.SEARCHING;
    this.#highBytes = highBytes;
    this.#raiseAtMs = Infinity;
    this.#try(firstBytes);
  }

  #try(bytes: number): void {
    this.#candidateBytes = bytes;
    this.#candidateLosses = 0;
  }

  /** The next size between what passes and what does not: a usual one if there is one, otherwise the middle. */
  #choose(): void {
    const low = this.#packetBytes;
    const high = this.#highBytes;
    // The limit itself, as long as it has not failed: most paths carry it.
    if (high > low && high === this.#limitBytes) return this.#try(high);
    // The rest would not be worth its probes.
    if (high - low < 16 + (low >> 6)) return this.#settle();
    const usual = USUAL_SIZES.filter((bytes) => bytes > low && bytes <= high);
    this.#try(usual[usual.length >> 1] ?? (low + high + 1) >> 1);
  }

  #settle(): void {
    this.#state = MtuState.SETTLED;
    this.#isProbing = false;
  }
}
