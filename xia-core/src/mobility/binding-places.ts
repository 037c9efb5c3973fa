import type { Gauge } from '../bytes/index.js';
import type { Xid } from '../xid/index.js';
import { effectiveHop, newEntry, type BindingEntry } from './binding-entry.js';
import type { Hop } from './links.js';

/** Of the table, so that whoever fills it leaves room for the other faces, and for the other neighbours of its own. */
const LARGEST_FACE_SHARE = 0.75;
const LARGEST_NEIGHBOUR_SHARE = 0.5;

/** The entries of a table of bindings, and who may have how many of them. */
export class BindingPlaces {
  readonly #entries = new Map<string, BindingEntry>();
  readonly #bound: number;
  #highWater = 0;
  #refused = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  get isFull(): boolean {
    return this.#entries.size >= this.#bound;
  }

  get(key: string): BindingEntry | undefined {
    return this.#entries.get(key);
  }

  values(): Iterable<BindingEntry> {
    return this.#entries.values();
  }

  /** The entry of a HID, a new one if there is none; whether it fits was asked before. */
  take(hid: Xid, now: number): BindingEntry {
    let entry = this.#entries.get(hid.key);
    if (entry === undefined) {
      entry = newEntry(hid, now);
      this.#entries.set(hid.key, entry);
      this.#highWater = Math.max(this.#highWater, this.#entries.size);
    }
    return entry;
  }

  delete(entry: BindingEntry): void {
    this.#entries.delete(entry.hid.key);
  }

  /**
   * Whether an entry for `hid` exists or fits, whose packets go to `hop`. Once the table is half full, no face gets more than three
   * quarters of it, and no neighbour more than half.
   * @param forget takes out an entry that only remembers a sequence: it makes room for a live one
   */
  hasRoomFor(hid: Xid, hop: Hop, forget: (entry: BindingEntry) => void): boolean {
    if (this.#entries.has(hid.key)) return true;
    if (this.#entries.size >= this.#bound * LARGEST_NEIGHBOUR_SHARE && !this.#isWithinShare(hop)) return this.#refuse();
    if (!this.isFull) return true;
    for (const entry of this.#entries.values()) {
      if (effectiveHop(entry) !== undefined || entry.hold !== undefined) continue;
      forget(entry);
      return true;
    }
    return this.#refuse();
  }

  gauge(): Gauge {
    const [used, highWater, bound, refused] = [this.#entries.size, this.#highWater, this.#bound, this.#refused];
    return { name: 'bindings', unit: 'entries', used, highWater, bound, refused };
  }

  /** Counted anew each time, which costs less than the signature that was just checked. */
  #isWithinShare(hop: Hop): boolean {
    let ofFace = 0;
    let ofNeighbour = 0;
    for (const entry of this.#entries.values()) {
      const taken = effectiveHop(entry) ?? entry.staged?.hop ?? entry.formers[0];
      if (taken?.face !== hop.face) continue;
      ofFace++;
      if (taken.neighbour === hop.neighbour) ofNeighbour++;
    }
    return ofFace < this.#bound * LARGEST_FACE_SHARE && ofNeighbour < this.#bound * LARGEST_NEIGHBOUR_SHARE;
  }

  #refuse(): false {
    this.#refused++;
    return false;
  }
}
