/** What came back for one probe. */
interface ProbeAnswer {
  readonly from: string;
  readonly rttMs: number;
}

/** What the probes of one hop found; `answers` has one place for each of them, in the order in which they were sent. */
export interface HopResult {
  readonly hop: number;
  readonly answers: readonly (ProbeAnswer | undefined)[];
}

interface Probe {
  readonly hop: number;
  readonly sentMs: number;
  answer: ProbeAnswer | undefined;
}

export interface HopTableOptions {
  readonly maximumHops: number;
  /** Probes for each hop. */
  readonly queries: number;
  /** Hops under way at a time. */
  readonly atOnce: number;
  readonly timeoutMs: number;
}

/**
 * Probes with growing hop limits, several of them under way at a time, and the answers in the order of the hops. Every probe
 * has a sequence of its own, so an answer is never taken for that of another probe, in whatever order they come.
 */
export class HopTable {
  readonly #maximumHops: number;
  readonly #queries: number;
  readonly #atOnce: number;
  readonly #timeoutMs: number;
  readonly #probes: Probe[] = [];
  #printed = 0;
  #targetHop = Infinity;

  constructor({ maximumHops, queries, atOnce, timeoutMs }: HopTableOptions) {
    this.#maximumHops = maximumHops;
    this.#queries = queries;
    this.#atOnce = atOnce;
    this.#timeoutMs = timeoutMs;
  }

  /** The probe to send now, undefined when it is time to wait. The probes of one hop are sent together. */
  nextProbe(nowMs: number): { readonly sequence: number; readonly hopLimit: number } | undefined {
    const hop = Math.floor(this.#probes.length / this.#queries) + 1;
    const begun = this.#probes.length % this.#queries !== 0;
    if (hop > this.#maximumHops || hop - this.#printed > this.#atOnce) return undefined;
    if (!begun && this.#targetHop < Infinity) return undefined;
    this.#probes.push({ hop, sentMs: nowMs, answer: undefined });
    return { sequence: this.#probes.length, hopLimit: hop };
  }

  /** Notes an answer; a second one to the same probe changes nothing. */
  answer(sequence: number, from: string, isTarget: boolean, nowMs: number): void {
    const probe = this.#probes[sequence - 1];
    if (probe === undefined || probe.answer !== undefined) return;
    probe.answer = { from, rttMs: nowMs - probe.sentMs };
    if (isTarget) this.#targetHop = Math.min(this.#targetHop, probe.hop);
  }

  /** The next hop in order whose probes are all answered or given up, once each. */
  take(nowMs: number): HopResult | undefined {
    if (this.done) return undefined;
    const first = this.#printed * this.#queries;
    const probes = this.#probes.slice(first, first + this.#queries);
    if (probes.length < this.#queries) return undefined;
    if (probes.some(({ answer, sentMs }) => answer === undefined && nowMs - sentMs < this.#timeoutMs)) return undefined;
    this.#printed++;
    return { hop: this.#printed, answers: probes.map(({ answer }) => answer) };
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
