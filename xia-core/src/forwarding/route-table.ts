import type { Gauge } from '../bytes/index.js';
import { IdIndex } from '../xid/index.js';
import { NO_FACE } from './faces.js';

/** Entries a table takes before it refuses new ones, unless told otherwise. At 40 to 70 bytes each, up to 70 MB. */
export const DEFAULT_MAX_ROUTES = 1_000_000;

/** What each identifier has beside it in the index: it lies where the lookup has just been. */
const FACE = 0;
const NEIGHBOUR = 1;
const VALUES = 2;

export interface RouteEntry {
  readonly id: Uint8Array;
  readonly face: number;
  readonly neighbour: number;
}

/**
 * Next hops of one principal type by exact identifier, with an optional default.
 *
 * `find` allocates nothing and answers a slot, which stays valid until its entry is deleted.
 */
export class RouteTable {
  readonly #index: IdIndex;
  readonly #maxRoutes: number;
  #refused = 0;
  #highWater = 0;
  /** Face of the default route, {@link NO_FACE} without one. */
  defaultFace: number = NO_FACE;
  defaultNeighbour = 0;

  /**
   * @param capacityHint entries to make room for at first
   * @param maxRoutes entries at most; further ones are refused and counted
   * @param salt see {@link IdIndex}
   */
  constructor(capacityHint = 16, maxRoutes: number = DEFAULT_MAX_ROUTES, salt = 0) {
    this.#index = new IdIndex(capacityHint, salt, VALUES);
    this.#maxRoutes = maxRoutes;
  }

  get size(): number {
    return this.#index.size;
  }

  /** How many entries were refused because the table was full. */
  get refused(): number {
    return this.#refused;
  }

  /** Sets or replaces the entry of a 20-byte id. False when it is new and the table is full. */
  set(id: Uint8Array, face: number, neighbour: number): boolean {
    if (this.#index.size >= this.#maxRoutes && this.#index.find(id, 0) < 0) {
      this.#refused++;
      return false;
    }
    const slot = this.#index.add(id, 0);
    if (this.#index.size > this.#highWater) this.#highWater = this.#index.size;
    this.#index.setValue(slot, FACE, face);
    this.#index.setValue(slot, NEIGHBOUR, neighbour);
    return true;
  }

  /** Removes the entry of an id. False when there was none. */
  delete(id: Uint8Array): boolean {
    const slot = this.#index.find(id, 0);
    return slot >= 0 && this.#index.remove(slot);
  }

  /** Removes every entry through a face, and the default if it is through it. Returns how many went. */
  deleteFace(face: number): number {
    let removed = 0;
    for (const slot of this.#index.live()) if (this.faceAt(slot) === face && this.#index.remove(slot)) removed++;
    if (this.defaultFace === face) {
      this.clearDefault();
      removed++;
    }
    return removed;
  }

  /** The slot of the id at `offset`, or -1. The default route is not looked at. */
  find(bytes: Uint8Array, offset: number): number {
    return this.#index.find(bytes, offset);
  }

  faceAt(slot: number): number {
    return this.#index.value(slot, FACE);
  }

  neighbourAt(slot: number): number {
    return this.#index.value(slot, NEIGHBOUR);
  }

  /** Where every id without an entry goes. */
  setDefault(face: number, neighbour: number): void {
    this.defaultFace = face;
    this.defaultNeighbour = neighbour;
  }

  clearDefault(): void {
    this.setDefault(NO_FACE, 0);
  }

  /** The entries, in no particular order; the ids are copies. The table must not change while they are walked. */
  *entries(): Iterable<RouteEntry> {
    for (const slot of this.#index.live()) {
      yield { id: this.#index.idOf(slot), face: this.faceAt(slot), neighbour: this.neighbourAt(slot) };
    }
  }

  gauge(name: string): Gauge {
    return { name, unit: 'entries', used: this.size, highWater: this.#highWater, bound: this.#maxRoutes, refused: this.#refused };
  }
}
