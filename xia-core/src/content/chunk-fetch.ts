import { RangeSet } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';

/** A chunk whose length is not known yet. */
export const LENGTH_UNKNOWN = -1;

/** Round trips without any answer after which a chunk is silent: asked for with single small probes only. */
const SILENT_ROUNDS = 2;

/** The next range to ask for. */
export interface NextRange {
  readonly start: number;
  readonly end: number;
  readonly repeated: boolean;
}

/** A range that was asked for and has not arrived whole. No byte of a chunk is in two flights. */
export interface Flight {
  readonly chunk: ChunkFetch;
  /** Counts requests up, over all chunks. */
  readonly sequence: number;
  readonly start: number;
  end: number;
  readonly sentAt: number;
  /** Asked for before: an answer may be one to the earlier request, and says nothing about the round trip. */
  readonly repeated: boolean;
  /** Asked of a chunk that has long been silent; outside the window. */
  readonly probe: boolean;
  /** Bytes that have not arrived. */
  missing: number;
  answered: boolean;
  /** Segments of later flights that came since this one last made progress. */
  passed: number;
  deadline: number;
  previous: Flight | undefined;
  next: Flight | undefined;
}

/** One chunk on its way here, asked for under one or more identifiers. */
export class ChunkFetch {
  readonly cid: Uint8Array;
  /** Who waits for it. */
  readonly ids: number[];
  /** The address that requests go to. */
  dag: Dag;
  length: number;
  /** The caller said how long it is, so whoever says otherwise is wrong. */
  readonly lengthGiven: boolean;
  /** Made when the length is known. */
  bytes: Uint8Array | undefined;
  readonly received = new RangeSet();
  /** Asked for, given up, and to be asked for again. */
  readonly lost = new RangeSet();
  readonly flights: Flight[] = [];
  /** Everything before was asked for at least once. */
  frontier = 0;
  /** What it takes of the budget. */
  reservedBytes = 0;
  /** Done, failed or cancelled. */
  over = false;
  /** Bytes came that nobody had asked for, so they need not be asked for. */
  unsolicited = false;
  /** Segments that named another length. */
  contradictions = 0;
  wrongContents = 0;
  ttlSeconds = 0;
  /** Round trips in a row in which ranges were lost and nothing arrived. */
  silentRounds = 0;
  /** Was taken for not silent any more without an answer of its own; once is enough. */
  revived = false;
  /** Since when nothing has arrived although it was asked for; NaN when it never was. */
  silentSince: number = Number.NaN;
  #roundBeganAt = Number.NEGATIVE_INFINITY;

  constructor(cid: Uint8Array, id: number, dag: Dag, length: number) {
    this.cid = cid;
    this.ids = [id];
    this.dag = dag;
    this.length = length;
    this.lengthGiven = length !== LENGTH_UNKNOWN;
  }

  get silent(): boolean {
    return this.silentRounds >= SILENT_ROUNDS;
  }

  get complete(): boolean {
    return this.bytes !== undefined && this.received.covered === this.length;
  }

  /** Whether parts were never asked for. Of a chunk of unknown length, that is only its beginning. */
  get hasFresh(): boolean {
    return this.length === LENGTH_UNKNOWN ? this.frontier === 0 : this.frontier < this.length;
  }

  /**
   * What to ask for next, at most `limitBytes`, in whole segments of `segmentBytes` where that is known (not 0).
   * @param restBytes all that was never asked for may be asked for at once if it is no more than this
   */
  nextRange(limitBytes: number, segmentBytes: number, restBytes: number): NextRange | undefined {
    if (this.lost.count > 0) {
      for (const [start, end] of this.lost.ranges()) {
        return { start, end: Math.min(end, start + limitBytes), repeated: true };
      }
    }
    if (!this.hasFresh) return undefined;
    if (this.length === LENGTH_UNKNOWN) return { start: 0, end: limitBytes, repeated: false };
    if (this.unsolicited) {
      const gap = this.received.missing(this.frontier, this.length)[0];
      this.frontier = gap?.[0] ?? this.length;
      if (gap === undefined) return undefined;
      return { start: gap[0], end: Math.min(gap[1], gap[0] + limitBytes), repeated: false };
    }
    const start = this.frontier;
    const left = this.length - start;
    if (left <= restBytes) return { start, end: this.length, repeated: false };
    // Equal parts rather than full ones and a small rest, which would cost a packet of its own.
    let part = Math.ceil(left / Math.ceil(left / limitBytes));
    if (segmentBytes > 0) part = Math.min(limitBytes, Math.ceil(part / segmentBytes) * segmentBytes);
    return { start, end: start + Math.min(left, part), repeated: false };
  }

  /** Notes that a range of {@link nextRange} was asked for. */
  asked(range: NextRange, flight: Flight, now: number): void {
    if (range.repeated) this.lost.remove(range.start, range.end);
    else this.frontier = range.end;
    // It was not silent as long as it was not asked.
    if (this.flights.length === 0 && this.silentRounds === 0) this.silentSince = now;
    this.flights.push(flight);
  }

  /** Takes a flight away; what it lacks is for the caller to deal with. */
  removeFlight(flight: Flight): void {
    const at = this.flights.indexOf(flight);
    const last = this.flights.pop()!;
    if (at < this.flights.length) this.flights[at] = last;
  }

  /** Notes a lost flight: exactly what did not arrive of it is to be asked for again. */
  noteLost(flight: Flight, now: number): void {
    for (const [start, end] of this.received.missing(flight.start, flight.end)) this.lost.add(start, end);
    if (flight.sentAt < this.#roundBeganAt) return;
    this.#roundBeganAt = now;
    this.silentRounds++;
  }

  /** Counts as not silent from now on. */
  revive(): void {
    this.silentRounds = 0;
    this.revived = true;
  }

  /** Something new arrived. */
  progressed(now: number): void {
    this.silentRounds = 0;
    this.revived = false;
    this.silentSince = now;
  }

  /** Now the length is known: gets its memory, and drops what was asked for behind the end. */
  begin(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.length = bytes.length;
    this.frontier = Math.min(this.frontier, this.length);
    this.lost.remove(this.length, Number.MAX_SAFE_INTEGER);
  }

  /** Back to having nothing. The caller has dealt with flights and memory. */
  restart(): void {
    if (!this.lengthGiven) this.length = LENGTH_UNKNOWN;
    this.bytes = undefined;
    this.received.clear();
    this.lost.clear();
    this.frontier = 0;
    this.unsolicited = false;
    this.contradictions = 0;
    this.silentRounds = 0;
    this.silentSince = Number.NaN;
  }
}
