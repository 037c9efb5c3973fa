import { RangeSet } from '../bytes/index.js';
import { XID_ID_BYTES } from '../xid/index.js';
import { Answerers } from './answerers.js';
import type { FetchSource } from './fetch-source.js';
import type { RequestStamp } from './path-congestion.js';

/** A chunk whose length is not known yet. */
export const LENGTH_UNKNOWN = -1;

/** The HID of whoever does not tell. */
export const NOBODY: Uint8Array = new Uint8Array(XID_ID_BYTES);

/** The next range to ask for. */
export interface NextRange {
  readonly start: number;
  readonly end: number;
  readonly repeated: boolean;
}

/** What a chunk knows of a path: where it waits for its turn, and what becomes of the ranges asked for there. */
export interface ChunkPath {
  /** A timeout passed in which nothing at all arrived by it, and nothing has since. */
  readonly outage: boolean;
  /** A cache on it answers for what got lost behind it. */
  readonly hasNearCache: boolean;
  /** Puts a chunk wherever it has something to ask for, or takes it away. */
  enqueue(chunk: ChunkFetch): void;
  dequeue(chunk: ChunkFetch): void;
  /** The first segment of a range came. */
  learnSegment(bytes: number, isWholeRange: boolean): void;
  /** New bytes of a flight came, in segments of so many bytes of which the last one ends at `segmentEnd`. */
  progress(flight: Flight, arrived: number, segmentEnd: number, segmentBytes: number, now: number): void;
  /** Bytes were given up that came after all. */
  wasHasty(bytes: number, now: number): void;
  /** Cuts off what a flight asked for behind the end of its chunk. */
  trim(flight: Flight): void;
  /** Stops waiting for a flight. */
  land(flight: Flight): void;
  /** Whether the host at its end lied a short while ago. */
  isDistrusted(now: number): boolean;
  /** The host at its end lied. */
  distrust(now: number): void;
  /** A cache on it may have lied. */
  avoidCaches(now: number): void;
  /** A chunk was right that this path alone brought. */
  wasRight(pastCaches: boolean): void;
  /** How long it would take until so many bytes of the only chunk that waits here had come; `Infinity` when others wait. */
  arrivalMs(bytes: number): number;
}

/** A range that was asked for and has not arrived whole. No byte of a chunk is in two flights. */
export interface Flight {
  readonly chunk: ChunkFetch;
  readonly source: FetchSource<ChunkPath>;
  /** Counts requests up, over all chunks of a path. */
  readonly sequence: number;
  readonly start: number;
  end: number;
  readonly sentAt: number;
  /** What the path had delivered then. */
  readonly stamp: RequestStamp;
  /** Asked for before: an answer may be one to the earlier request, and says nothing about the round trip. */
  readonly repeated: boolean;
  /** Asked of a source that has long been silent; outside the window. */
  readonly probe: boolean;
  /** Bytes that have not arrived. */
  missing: number;
  answered: boolean;
  /** Asked for to try whether a segment of that size comes, and the first segment has not come. */
  isTest: boolean;
  /** Only as much time was given to it as a near cache takes. */
  isHoped: boolean;
  /** Its last byte came, so what is missing was sent before. */
  endCame: boolean;
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
  /** Who may be asked for it; at least one. */
  readonly sources: FetchSource<ChunkPath>[] = [];
  length: number;
  /** The caller said how long it is, so whoever says otherwise is wrong. */
  readonly lengthGiven: boolean;
  /** Tells whether it is right; without it, its hash does. */
  verify: ((bytes: Uint8Array) => boolean) | undefined;
  /** Made when the length is known. */
  bytes: Uint8Array | undefined;
  readonly received = new RangeSet();
  /** Asked for, given up, and to be asked for again. */
  readonly lost = new RangeSet();
  readonly flights: Flight[] = [];
  readonly answerers = new Answerers();
  /** Whether a near cache has repaired it, has not in the time that it takes one, or a source has. */
  nearness: 'unknown' | 'near' | 'far' | 'repaired-far' = 'unknown';
  /** Repairs in a row that the near cache did not answer. */
  nearMisses = 0;
  /** Flights of what was never asked for before. */
  #firstFlights = 0;
  /** The HID that the segment at hand came from. */
  answeredBy = NOBODY;
  /** Where the range was asked for that was given up last. */
  givenUpBy: ChunkPath | undefined;
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
  /** Only the sources themselves are asked, no caches. */
  pastCaches = false;
  /** How often a source was asked alone, to find out who lies. */
  soloTurns = 0;
  /** The HID of who alone can have made it wrong if it turns out right now. */
  suspect: Uint8Array | undefined;
  ttlSeconds = 0;
  /** Since when nothing has arrived although it was asked for; NaN when it never was. */
  silentSince: number = Number.NaN;

  constructor(cid: Uint8Array, id: number, length: number) {
    this.cid = cid;
    this.ids = [id];
    this.length = length;
    this.lengthGiven = length !== LENGTH_UNKNOWN;
  }

  /** Puts it on all paths to its sources where it has something to ask for. */
  enqueue(): void {
    for (const { path } of this.sources) path.enqueue(this);
  }

  /** When everybody who may be asked is silent, those who were not to be asked are. True when this changed something. */
  includeSomebody(): boolean {
    if (this.sources.some(({ excluded, silent }) => !excluded && !silent)) return false;
    let changed = false;
    for (const source of this.sources) {
      changed ||= source.excluded;
      source.excluded = false;
    }
    return changed;
  }

  /** The source that lies on a path. */
  sourceOn(path: ChunkPath): FetchSource<ChunkPath> | undefined {
    const [first] = this.sources;
    return first?.path === path ? first : this.sources.find((source) => source.path === path);
  }

  /** Whether somebody else than `source` is likely to answer. */
  hasOtherThan(source: FetchSource<ChunkPath>): boolean {
    if (this.sources.length === 1) return false;
    return this.sources.some((other) => other !== source && !other.silent && !other.excluded && !other.path.outage);
  }

  get complete(): boolean {
    return this.bytes !== undefined && this.received.covered === this.length;
  }

  /**
   * Whether something of it is on its way for the first time, or was not asked for yet. A cache on the way has all of it, and can repair
   * what gets lost behind it, only after that.
   */
  get isPassing(): boolean {
    return this.#firstFlights > 0 || this.hasFresh;
  }

  /** Bytes that nobody has been asked for, or that got lost. */
  get unaskedBytes(): number {
    return Math.max(0, this.length - this.frontier) + this.lost.covered;
  }

  /** Whether parts were never asked for. Of a chunk of unknown length, that is only its beginning. */
  get hasFresh(): boolean {
    return this.length === LENGTH_UNKNOWN ? this.frontier === 0 : this.frontier < this.length;
  }

  /**
   * What to ask for next, at most `limitBytes`, in whole segments of `segmentBytes` where that is known (not 0).
   * @param restBytes all that was never asked for may be asked for at once if it is no more than this
   * @param repairBytes how much of what got lost may be asked for; 0 for nothing
   */
  nextRange(limitBytes: number, segmentBytes: number, restBytes: number, repairBytes: number): NextRange | undefined {
    if (repairBytes > 0 && this.lost.count > 0) {
      for (const [start, end] of this.lost.ranges()) {
        return { start, end: Math.min(end, start + repairBytes), repeated: true };
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

  /** A range of exactly so many bytes that is to be asked for; undefined when there is none. */
  rangeOf(bytes: number): NextRange | undefined {
    for (const [start, end] of this.lost.ranges()) {
      if (end - start >= bytes) return { start, end: start + bytes, repeated: true };
    }
    if (this.unsolicited || this.length - this.frontier < bytes) return undefined;
    return { start: this.frontier, end: this.frontier + bytes, repeated: false };
  }

  /** Notes that a range of {@link nextRange} or {@link rangeOf} was asked for. */
  asked(range: NextRange, flight: Flight, now: number): void {
    if (range.repeated) this.lost.remove(range.start, range.end);
    else this.frontier = range.end;
    // It was not silent as long as it was not asked.
    if (this.flights.length === 0 && this.sources.every(({ silentRounds }) => silentRounds === 0)) this.silentSince = now;
    this.flights.push(flight);
    if (!flight.repeated) this.#firstFlights++;
  }

  /** Takes a flight away; what it lacks is for the caller to deal with. */
  removeFlight(flight: Flight): void {
    const at = this.flights.indexOf(flight);
    const last = this.flights.pop()!;
    if (!flight.repeated) this.#firstFlights--;
    if (at < this.flights.length) this.flights[at] = last;
  }

  /** Notes a lost flight: exactly what did not arrive of it is to be asked for again, of whomever. */
  noteLost(flight: Flight, now: number): void {
    this.addMissing(flight);
    // Of what was asked for more than once, nobody knows which answer comes.
    this.givenUpBy = flight.repeated ? undefined : flight.source.path;
    flight.source.noteLost(flight.sentAt, now);
  }

  /** What did not arrive of a flight is to be asked for again. */
  addMissing(flight: Flight): void {
    for (const [start, end] of this.received.missing(flight.start, flight.end)) this.lost.add(start, end);
  }

  /** Something new arrived that `source` was asked for; undefined when nobody knows whose answer it was. */
  progressed(source: FetchSource<ChunkPath> | undefined, now: number): void {
    for (const each of this.sources) if (source === undefined || each === source) each.answered();
    this.silentSince = now;
  }

  /** Forgets bytes that are not trusted any more; they are to be asked for again. */
  distrust(ranges: RangeSet): void {
    for (const [start, end] of ranges.ranges()) {
      this.received.remove(start, end);
      this.lost.add(start, end);
    }
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
    this.answerers.clear();
    for (const source of this.sources) source.silentRounds = 0;
    this.silentSince = Number.NaN;
  }
}
