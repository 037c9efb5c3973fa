import type { Gauge } from './gauge.js';
import { TokenBucket } from './token-bucket.js';

/** Faces whose budgets are kept; a node has no more of them. */
const MAX_FACES = 256;
const DEFAULT_MAX_NEIGHBOURS = 4096;
/** Neighbour numbers are smaller: a face numbers its neighbours from 1 on. */
const NEIGHBOUR_SPAN = 0x1_0000;

export interface NeighbourLimits {
  /** What one neighbour may have done for it: on average, and at once. */
  readonly ratePerSecond: number;
  readonly burst: number;
  /** A face as a whole gets as much as this many neighbours. Default 4. */
  readonly faceShares?: number;
  /** Neighbours whose budgets are kept. Default 4096. */
  readonly maxNeighbours?: number;
}

/**
 * A rate limit that is fair to those who behave: every neighbour has a budget, and so has every face, a few neighbours
 * large. Nobody eats the budget of another face, and one neighbour cannot eat that of its own; on a face where senders
 * can make up neighbours, they share what the face has.
 *
 * Bounded: when there are too many neighbours, the one kept for longest is forgotten, and begins with a full budget when
 * it comes back. The budget of its face still holds then.
 */
export class NeighbourLimiter {
  readonly #limits: NeighbourLimits;
  readonly #faceShares: number;
  readonly #maxNeighbours: number;
  readonly #faces = new Map<number, TokenBucket>();
  readonly #neighbours = new Map<number, TokenBucket>();
  #highWater = 0;
  #evicted = 0;
  /** How often somebody was refused. */
  refused = 0;

  constructor(limits: NeighbourLimits) {
    this.#limits = limits;
    this.#faceShares = limits.faceShares ?? 4;
    this.#maxNeighbours = limits.maxNeighbours ?? DEFAULT_MAX_NEIGHBOURS;
  }

  /** Takes tokens, one by default, of a neighbour and of its face; false when either has too few. `now` in milliseconds. */
  take(face: number, neighbour: number, now: number, tokens = 1): boolean {
    const ofNeighbour = this.#neighbours.get(face * NEIGHBOUR_SPAN + neighbour) ?? this.#addNeighbour(face * NEIGHBOUR_SPAN + neighbour);
    // The neighbour first: what it is refused must not cost the others on its face anything.
    if (ofNeighbour.take(now, tokens) && (this.#faces.get(face) ?? this.#addFace(face)).take(now, tokens)) return true;
    this.refused++;
    return false;
  }

  /** How many neighbours have a budget here. */
  gauge(name: string): Gauge {
    const used = this.#neighbours.size;
    return { name, unit: 'entries', used, highWater: this.#highWater, bound: this.#maxNeighbours, refused: this.#evicted };
  }

  #addNeighbour(key: number): TokenBucket {
    const { ratePerSecond, burst } = this.#limits;
    const bucket = new TokenBucket(ratePerSecond, burst);
    if (this.#neighbours.size >= this.#maxNeighbours) {
      this.#neighbours.delete(this.#neighbours.keys().next().value!);
      this.#evicted++;
    }
    this.#neighbours.set(key, bucket);
    this.#highWater = Math.max(this.#highWater, this.#neighbours.size);
    return bucket;
  }

  #addFace(face: number): TokenBucket {
    const { ratePerSecond, burst } = this.#limits;
    const bucket = new TokenBucket(ratePerSecond * this.#faceShares, burst * this.#faceShares);
    if (this.#faces.size >= MAX_FACES) this.#faces.delete(this.#faces.keys().next().value!);
    this.#faces.set(face, bucket);
    return bucket;
  }
}
