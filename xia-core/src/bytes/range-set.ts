/**
 * A set of integers kept as disjoint, non-adjacent half-open ranges in ascending order: received bytes, acknowledged
 * packets. Adding at the end, the usual case, is O(1); elsewhere O(log n) to find and O(n) to shift.
 * The caller bounds `count` where a stranger chooses what is added.
 */
export class RangeSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #covered = 0;

  /** How many integers are in the set. */
  get covered(): number {
    return this.#covered;
  }

  /** How many ranges hold them. */
  get count(): number {
    return this.#starts.length;
  }

  /** Adds `[start, end)` and returns how many of its integers were new. An empty or inverted range adds nothing. */
  add(start: number, end: number): number {
    if (end <= start) return 0;
    const starts = this.#starts;
    const ends = this.#ends;
    // What comes in order, which is nearly everything, makes the last range longer.
    if (ends.length > 0 && ends[ends.length - 1] === start) {
      ends[ends.length - 1] = end;
      this.#covered += end - start;
      return end - start;
    }
    const first = this.#firstEndingAtOrAfter(start);
    let last = first;
    let low = start;
    let high = end;
    let already = 0;
    while (last < starts.length && starts[last]! <= end) {
      const from = starts[last]!;
      const to = ends[last]!;
      already += Math.max(0, Math.min(to, end) - Math.max(from, start));
      if (from < low) low = from;
      if (to > high) high = to;
      last++;
    }
    if (last === first + 1) {
      starts[first] = low;
      ends[first] = high;
    } else {
      starts.splice(first, last - first, low);
      ends.splice(first, last - first, high);
    }
    const added = end - start - already;
    this.#covered += added;
    return added;
  }

  /** Takes `[start, end)` out of the set. */
  remove(start: number, end: number): void {
    if (end <= start) return;
    const starts = this.#starts;
    const ends = this.#ends;
    const keptStarts: number[] = [];
    const keptEnds: number[] = [];
    const first = this.#firstEndingAtOrAfter(start);
    let last = first;
    while (last < starts.length && starts[last]! < end) {
      const from = starts[last]!;
      const to = ends[last]!;
      if (from < start) {
        keptStarts.push(from);
        keptEnds.push(Math.min(to, start));
      }
      if (to > end) {
        keptStarts.push(end);
        keptEnds.push(to);
      }
      this.#covered -= Math.max(0, Math.min(to, end) - Math.max(from, start));
      last++;
    }
    starts.splice(first, last - first, ...keptStarts);
    ends.splice(first, last - first, ...keptEnds);
  }

  /** Whether every integer of `[start, end)` is in the set. */
  has(start: number, end: number): boolean {
    if (end <= start) return true;
    const at = this.#firstEndingAtOrAfter(end);
    return at < this.#starts.length && this.#starts[at]! <= start;
  }

  /** Whether any integer of `[start, end)` is in the set. */
  overlaps(start: number, end: number): boolean {
    const at = this.#firstEndingAtOrAfter(start + 1);
    return at < this.#starts.length && this.#starts[at]! < end;
  }

  /** The parts of `[start, end)` that are not in the set, ascending. */
  missing(start: number, end: number): Array<[number, number]> {
    const gaps: Array<[number, number]> = [];
    let next = start;
    for (let i = this.#firstEndingAtOrAfter(start); i < this.#starts.length && this.#starts[i]! < end; i++) {
      if (this.#starts[i]! > next) gaps.push([next, this.#starts[i]!]);
      next = Math.max(next, this.#ends[i]!);
    }
    if (next < end) gaps.push([next, end]);
    return gaps;
  }

  /** The ranges, ascending. The set must not change while they are walked. */
  *ranges(): Iterable<[number, number]> {
    for (let i = 0; i < this.#starts.length; i++) yield [this.#starts[i]!, this.#ends[i]!];
  }

  clear(): void {
    this.#starts.length = 0;
    this.#ends.length = 0;
    this.#covered = 0;
  }

  #firstEndingAtOrAfter(value: number): number {
    let low = 0;
    let high = this.#ends.length;
    if (high === 0 || this.#ends[high - 1]! < value) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
