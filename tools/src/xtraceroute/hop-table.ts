/** What came back for one probe. */
export interface HopAnswer {
  readonly hop: number;
  readonly from: string;
  readonly rttMs: number;
  /** True when the target itself answered: no hop behind this one is of interest. */
  readonly isTarget: boolean;
}

interface Probe {
  readonly hop: number;
  readonly sentMs: number;
  answer: HopAnswer | undefined;
}

/**
 * Probes with growing hop limits, several of them under way at a time, and the answers in the order of the hops.
 * The hop of an answer follows from the sequence of its probe.
 */
export class HopTable {
  readonly #maximumHops: number;
  readonly #atOnce: number;
  readonly #timeoutMs: number;
  readonly #probes: Probe[] = [];
  #printed = 0;
  #targetHop = Infinity;

  constructor(options: { maximumHops: number; atOnce: number; timeoutMs: number }) {
    this.#maximumHops = options.maximumHops;
    this.#atOnce = options.atOnce;
    this.#timeoutMs = options.timeoutMs;
  }

  /** The hop limit to probe now (it is the probe's sequence too), undefined when it is time to wait. */
  nextProbe(nowMs: number): number | undefined {
    if (this.#probes.length - this.#printed >= this.#atOnce || this.#probes.length >= this.#maximumHops || this.#targetHop < Infinity)
      return undefined;
    this.#probes.push({ hop: this.#probes.length + 1, sentMs: nowMs, answer: undefined });
    return this.#probes.length;
  }

  /** Notes an answer; a second one to the same probe changes nothing. */
  answer(hop: number, from: string, isTarget: boolean, nowMs: number): void {
    const probe = this.#probes[hop - 1];
    if (probe === undefined || probe.answer !== undefined) return;
    probe.answer = { hop, from, rttMs: nowMs - probe.sentMs, isTarget };
    if (isTarget) this.#targetHop = Math.min(this.#targetHop, hop);
  }

  /** The next hop in order that is answered or given up, once each. */
  take(nowMs: number): HopAnswer | { readonly hop: number; readonly from: undefined } | undefined {
    const probe = this.#probes[this.#printed];
    if (probe === undefined || this.done) return undefined;
    if (probe.answer === undefined && nowMs - probe.sentMs < this.#timeoutMs) return undefined;
    this.#printed++;
    return probe.answer ?? { hop: probe.hop, from: undefined };
  }

  /** True when the target's own hop, or the last one allowed, has been taken. */
  get done(): boolean {
    return this.#printed >= Math.min(this.#targetHop, this.#maximumHops);
  }

  /** The distance of the target in hops, -1 when it did not answer. */
  get hops(): number {
    return this.#targetHop === Infinity ? -1 : this.#targetHop;
  }
}
