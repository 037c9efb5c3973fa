import type { Gauge } from '../bytes/index.js';
import type { Xid } from '../xid/index.js';
import type { RoutingHop } from './options.js';
import type { Limits } from './settings.js';

/** A router heard on a link. The same router on two links, or two routers behind one number, are several of these. */
export interface Neighbour {
  readonly hid: Xid;
  readonly ad: Xid;
  readonly hop: RoutingHop;
  cost: number;
  /** It answers our hellos: packets go both ways. */
  up: boolean;
  /** Of its newest hello. */
  instance: number;
  sequence: number;
  challenge: Uint8Array;
  deadMs: number;
  lastHeardMs: number;
}

/** Who is heard where, and since when no more. */
export class NeighbourTable {
  readonly #limits: Limits;
  readonly #neighbours = new Map<string, Neighbour>();
  #highWater = 0;
  #refused = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  find(face: number, neighbour: number, hid: Xid): Neighbour | undefined {
    return this.#neighbours.get(`${face}/${neighbour}/${hid.key}`);
  }

  /** The router that messages from there come from. */
  upAt(face: number, neighbour: number): Neighbour | undefined {
    for (const candidate of this.#neighbours.values()) {
      if (candidate.up && candidate.hop.face === face && candidate.hop.neighbour === neighbour) return candidate;
    }
    return undefined;
  }

  all(): Iterable<Neighbour> {
    return this.#neighbours.values();
  }

  *onFace(face: number): Iterable<Neighbour> {
    for (const neighbour of this.#neighbours.values()) if (neighbour.hop.face === face) yield neighbour;
  }

  /** Of each router that is up the best link to it, by the key of the router and sorted by it. */
  bestLinks(): Map<string, Neighbour> {
    const best = new Map<string, Neighbour>();
    for (const neighbour of this.#neighbours.values()) {
      const other = best.get(neighbour.hid.key);
      if (neighbour.up && (other === undefined || isPreferred(neighbour, other))) best.set(neighbour.hid.key, neighbour);
    }
    return new Map([...best].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Takes a new one in. Without room, the one that was heard longest ago of those that never answered has to go. */
  add(neighbour: Neighbour): boolean {
    const onFace = [...this.onFace(neighbour.hop.face)];
    const faceFull = onFace.length >= this.#limits.maxNeighboursPerFace;
    if (faceFull || this.#neighbours.size >= this.#limits.maxNeighbours) {
      this.#refused += 1;
      const idle = (faceFull ? onFace : [...this.#neighbours.values()]).filter(({ up }) => !up);
      if (idle.length === 0) return false;
      this.remove(idle.reduce((a, b) => (b.lastHeardMs < a.lastHeardMs ? b : a)));
    }
    const { hop, hid } = neighbour;
    this.#neighbours.set(`${hop.face}/${hop.neighbour}/${hid.key}`, neighbour);
    this.#highWater = Math.max(this.#highWater, this.#neighbours.size);
    return true;
  }

  remove({ hop, hid }: Neighbour): void {
    this.#neighbours.delete(`${hop.face}/${hop.neighbour}/${hid.key}`);
  }

  silent(now: number): Neighbour[] {
    return [...this.#neighbours.values()].filter(({ lastHeardMs, deadMs }) => lastHeardMs + deadMs <= now);
  }

  nextMs(): number {
    let next = Infinity;
    for (const { lastHeardMs, deadMs } of this.#neighbours.values()) next = Math.min(next, lastHeardMs + deadMs);
    return next;
  }

  /** We were asleep for so long, not they. */
  forgive(lateMs: number): void {
    for (const neighbour of this.#neighbours.values()) neighbour.lastHeardMs += lateMs;
  }

  gauge(): Gauge {
    return {
      name: 'routing neighbours',
      unit: 'entries',
      used: this.#neighbours.size,
      highWater: this.#highWater,
      bound: this.#limits.maxNeighbours,
      refused: this.#refused,
    };
  }
}

/** Of two links to one router: the cheaper, then the one with the smaller number. */
function isPreferred(a: Neighbour, b: Neighbour): boolean {
  const order = a.cost - b.cost || a.hop.face - b.hop.face || a.hop.neighbour - b.hop.neighbour;
  return order < 0;
}
