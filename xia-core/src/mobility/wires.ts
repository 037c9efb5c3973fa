import type { Gauge } from '../bytes/index.js';
import { hopKey, leadsOver, type Hop } from './links.js';

const MAX_WIRES = 1024;

interface Wire {
  readonly hop: Hop;
  /** The MAC address of the card that was heard there, as text. */
  readonly station: string | undefined;
}

/** The wires that machines are plugged into: where one that has yet to speak may be. The oldest goes when there are too many. */
export class Wires {
  readonly #wires = new Map<string, Wire>();
  #highWater = 0;
  #evicted = 0;

  appeared(hop: Hop, station: string | undefined): void {
    const key = hopKey(hop);
    this.#wires.delete(key);
    this.#wires.set(key, { hop, station });
    this.#highWater = Math.max(this.#highWater, this.#wires.size);
    if (this.#wires.size <= MAX_WIRES) return;
    this.#wires.delete(this.#wires.keys().next().value!);
    this.#evicted++;
  }

  has(hop: Hop): boolean {
    return this.#wires.has(hopKey(hop));
  }

  faceRemoved(face: number, neighbour: number | undefined): void {
    for (const [key, { hop }] of this.#wires) if (leadsOver(hop, face, neighbour)) this.#wires.delete(key);
  }

  /** The one wire that a machine with that card may be at; undefined when there is none, or more than one. */
  only(station: string | undefined, isFree: (hop: Hop) => boolean): Hop | undefined {
    const free = [...this.#wires.values()].filter(({ hop }) => isFree(hop));
    const heard = free.filter((wire) => station !== undefined && wire.station === station);
    const mayBe = heard.length > 0 ? heard : free.filter((wire) => wire.station === undefined || station === undefined);
    return mayBe.length === 1 ? mayBe[0]!.hop : undefined;
  }

  gauge(): Gauge {
    const used = this.#wires.size;
    return { name: 'machine wires', unit: 'entries', used, highWater: this.#highWater, bound: MAX_WIRES, refused: this.#evicted };
  }
}
