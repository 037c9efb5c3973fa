import type { PathDrop } from './path-options.js';

/** What became of the packets of a node, by number. */
export class PathTally {
  received = 0;
  originated = 0;
  forwarded = 0;
  broadcasts = 0;
  delivered = 0;
  readonly #drops = new Map<PathDrop, number>();

  /** Another one is on its way. */
  left(): true {
    this.forwarded++;
    return true;
  }

  drop(reason: PathDrop, packets = 1): false {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + packets);
    return false;
  }

  /** @param held packets that wait */
  counters(held: number): Record<string, number> {
    const { received, originated, forwarded, broadcasts: broadcast, delivered } = this;
    return { received, originated, forwarded, broadcast, delivered, held, ...Object.fromEntries(this.#drops) };
  }
}
