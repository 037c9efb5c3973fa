/** What remains of a bound when too much was lost. */
const BETA = 0.7;
/** Left free below the upper bound, for others, while nothing is probed. */
const HEADROOM = 0.85;
/** How much the upper bound grows in the first round of probing; twice as much in each further one. */
const FIRST_GROWTH = 1 / 8;

/**
 * What losses say of how much may be in flight (draft-ietf-ccwg-bbr sections 5.5.10 and 5.5.11): upper bounds from probing
 * that hold until probing shows more, and lower ones that hold until the next probing.
 */
export class BbrBounds {
  upperBytes = Infinity;
  lowerBytes = Infinity;
  lowerBandwidth = Infinity;
  #formerUpperBytes = Infinity;
  #formerLowerBytes = Infinity;
  #formerLowerBandwidth = Infinity;

  /** Too much was lost while probing with so much in flight. @param targetBytes what fills the path, or the window if less */
  limitUpper(inFlightBytes: number, targetBytes: number): void {
    this.#keep();
    this.upperBytes = Math.max(inFlightBytes, targetBytes * BETA);
  }

  /** Too much was lost without probing. */
  limitLower(latestBandwidth: number, bandwidth: number, latestBytes: number, windowBytes: number): void {
    this.#keep();
    const formerBandwidth = this.lowerBandwidth === Infinity ? bandwidth : this.lowerBandwidth;
    const formerBytes = this.lowerBytes === Infinity ? windowBytes : this.lowerBytes;
    this.lowerBandwidth = Math.max(latestBandwidth, formerBandwidth * BETA);
    this.lowerBytes = Math.max(latestBytes, formerBytes * BETA);
  }

  /** More than the upper bound is needed, and nothing speaks against it. @param rounds of probing so far */
  raiseUpper(ackedBytes: number, rounds: number): void {
    this.upperBytes += ackedBytes * Math.min(1, FIRST_GROWTH * 2 ** Math.min(rounds, 10));
  }

  releaseLower(): void {
    this.lowerBytes = Infinity;
    this.lowerBandwidth = Infinity;
  }

  /** The last limit was set for nothing. */
  undo(): void {
    this.upperBytes = Math.max(this.upperBytes, this.#formerUpperBytes);
    this.lowerBytes = Math.max(this.lowerBytes, this.#formerLowerBytes);
    this.lowerBandwidth = Math.max(this.lowerBandwidth, this.#formerLowerBandwidth);
  }

  /** Bytes that may be in flight. */
  mostBytes(isProbing: boolean): number {
    return Math.min(isProbing ? this.upperBytes : this.upperBytes * HEADROOM, this.lowerBytes);
  }

  clear(): void {
    this.upperBytes = Infinity;
    this.releaseLower();
    this.#keep();
  }

  #keep(): void {
    this.#formerUpperBytes = this.upperBytes;
    this.#formerLowerBytes = this.lowerBytes;
    this.#formerLowerBandwidth = this.lowerBandwidth;
  }
}
