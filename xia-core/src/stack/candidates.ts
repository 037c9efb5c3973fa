import type { NextHop } from '../forwarding/index.js';
import { IdIndex } from '../xid/index.js';

/** One source's idea of where an identifier is. */
export interface Candidate {
  /** Undefined: the source knows that it knows no way, and wants no other to be tried instead. */
  readonly hop: NextHop | undefined;
  /** Sum of the links on the way; 0 where nobody counted. */
  readonly cost: number;
  /** Of the binding that it follows from; 0 when it follows from none. */
  readonly sequence: number;
}

const NO_WAY = -1;
const FIRST_SLOTS = 16;

/** The candidates that one source has for one principal type, in typed arrays by slot: about 70 bytes each. */
export class Candidates {
  readonly #index: IdIndex;
  #faces = new Int32Array(FIRST_SLOTS);
  #neighbours = new Uint32Array(FIRST_SLOTS);
  #costs = new Float64Array(FIRST_SLOTS);
  #sequences = new Float64Array(FIRST_SLOTS);

  /** @param salt see {@link IdIndex} */
  constructor(salt: number) {
    this.#index = new IdIndex(FIRST_SLOTS, salt);
  }

  get size(): number {
    return this.#index.size;
  }

  has(id: Uint8Array): boolean {
    return this.#index.find(id) >= 0;
  }

  get(id: Uint8Array): Candidate | undefined {
    const slot = this.#index.find(id);
    if (slot < 0) return undefined;
    const face = this.#faces[slot]!;
    const hop = face === NO_WAY ? undefined : { face, neighbour: this.#neighbours[slot]! };
    return { hop, cost: this.#costs[slot]!, sequence: this.#sequences[slot]! };
  }

  set(id: Uint8Array, { hop, cost, sequence }: Candidate): void {
    const slot = this.#index.add(id);
    if (slot >= this.#faces.length) this.#grow();
    this.#faces[slot] = hop?.face ?? NO_WAY;
    this.#neighbours[slot] = hop?.neighbour ?? 0;
    this.#costs[slot] = cost;
    this.#sequences[slot] = sequence;
  }

  /** False when there was none. */
  delete(id: Uint8Array): boolean {
    const slot = this.#index.find(id);
    return slot >= 0 && this.#index.remove(slot);
  }

  /** The identifiers whose way is over a face, or over one neighbour on it. */
  over(face: number, neighbour: number | undefined): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (const slot of this.#index.live()) {
      if (this.#faces[slot] !== face || (neighbour !== undefined && this.#neighbours[slot] !== neighbour)) continue;
      found.push(this.#index.idOf(slot));
    }
    return found;
  }

  #grow(): void {
    const length = 2 * this.#faces.length;
    const widened = <Values extends Int32Array | Uint32Array | Float64Array>(wide: Values, values: Values): Values => {
      wide.set(values);
      return wide;
    };
    this.#faces = widened(new Int32Array(length), this.#faces);
    this.#neighbours = widened(new Uint32Array(length), this.#neighbours);
    this.#costs = widened(new Float64Array(length), this.#costs);
    this.#sequences = widened(new Float64Array(length), this.#sequences);
  }
}
