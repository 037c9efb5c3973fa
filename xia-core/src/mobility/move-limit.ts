import type { BindingEntry } from './binding-entry.js';
import { sameHop, type Hop } from './links.js';

export interface MoveLimitOptions {
  /** More changes of hop than this within `moveWindowMs` freeze the HID's route. Default 5 in 180 s. */
  readonly maxMoves?: number;
  readonly moveWindowMs?: number;
  /** How long a frozen HID keeps its route. Default 60 s. */
  readonly freezeMs?: number;
}

/** How often the route of a HID may turn before it is frozen where it is. */
export class MoveLimit {
  #maxMoves: number;
  #moveWindowMs: number;
  readonly #freezeMs: number;

  constructor({ maxMoves = 5, moveWindowMs = 180_000, freezeMs = 60_000 }: MoveLimitOptions) {
    this.#maxMoves = maxMoves;
    this.#moveWindowMs = moveWindowMs;
    this.#freezeMs = freezeMs;
  }

  /** Changes when a HID is frozen. What has been frozen stays so for its time. */
  configure(maxMoves: number, moveWindowMs: number): void {
    this.#maxMoves = maxMoves;
    this.#moveWindowMs = moveWindowMs;
  }

  /** When the hop has changed within the window; no more of them than count. */
  recent({ moves }: BindingEntry, now: number): readonly number[] {
    return moves.filter((at) => now - at < this.#moveWindowMs).slice(-this.#maxMoves);
  }

  /** Whether the entry may turn to `hop`, which undefined is no turn. Freezes nothing. */
  allows(entry: BindingEntry, hop: Hop | undefined, now: number): boolean {
    if (!isTurn(entry, hop)) return true;
    return now >= entry.frozenUntil && this.recent(entry, now).length < this.#maxMoves;
  }

  /** Freezes an entry that is not allowed to turn. False when it is frozen already. */
  freeze(entry: BindingEntry, now: number): boolean {
    if (now < entry.frozenUntil) return false;
    entry.frozenUntil = now + this.#freezeMs;
    return true;
  }
}

function isTurn(entry: BindingEntry, hop: Hop | undefined): boolean {
  return entry.hop !== undefined && hop !== undefined && !sameHop(entry.hop, hop);
}
