import type { Gauge } from '../bytes/index.js';
import { DEFAULT_MAX_ROUTES, type ForwardingEngine, type NextHop } from '../forwarding/index.js';
import { Xid } from '../xid/index.js';
import { Candidates, type Candidate } from './candidates.js';

/** Who may know a way, the one that counts before the others first. */
export const routeSources = ['binding', 'static', 'link-state'] as const;
export type RouteSource = (typeof routeSources)[number];

export interface RibOptions {
  readonly engine: ForwardingEngine;
  /** Candidates of one source at most; more are refused. Default 1,000,000, as for a forwarding table. */
  readonly maxRoutes?: number;
  /** An unpredictable 32-bit number. */
  readonly salt: number;
}

/** A route in use, with who knew it. */
export interface ChosenRoute extends Candidate {
  readonly source: RouteSource;
}

interface SourceTable {
  readonly byType: Map<number, Candidates>;
  used: number;
  highWater: number;
  refused: number;
}

/**
 * The routing information base: what each source knows of the way to an identifier. The forwarding engine gets the best of it
 * at every change, and the packets see only that.
 *
 * A binding counts before a static route, which is an operator's wish, and that before link-state. But of two that follow from
 * bindings of a HID the later one counts, whoever knows it: a node may have moved on from where its binding was patched to.
 */
export class Rib {
  readonly #engine: ForwardingEngine;
  readonly #maxRoutes: number;
  readonly #salt: number;
  readonly #sources = {
    binding: newTable(),
    static: newTable(),
    'link-state': newTable(),
  } as const satisfies Record<RouteSource, SourceTable>;

  constructor(options: RibOptions) {
    this.#engine = options.engine;
    this.#maxRoutes = options.maxRoutes ?? DEFAULT_MAX_ROUTES;
    this.#salt = options.salt;
  }

  /** What a source says of an identifier. Undefined when it says nothing. */
  get(source: RouteSource, xid: Xid): Candidate | undefined {
    return this.#sources[source].byType.get(xid.type)?.get(xid.id);
  }

  /**
   * Sets or replaces what a source says; without a `hop` it keeps the lesser sources out. False when there is no room, or when
   * the identifier is this node's own.
   */
  set(source: RouteSource, xid: Xid, hop: NextHop | undefined, { cost = 0, sequence = 0 }: Partial<Candidate> = {}): boolean {
    const table = this.#sources[source];
    if (this.#engine.isLocal(xid)) return false;
    const candidates = this.#candidates(table, xid.type);
    const isNew = !candidates.has(xid.id);
    if (isNew && table.used >= this.#maxRoutes) {
      table.refused++;
      return false;
    }
    candidates.set(xid.id, { hop, cost, sequence });
    if (isNew) table.highWater = Math.max(table.highWater, ++table.used);
    return this.#apply(xid);
  }

  /** Takes back what a source said; the next one counts. */
  delete(source: RouteSource, xid: Xid): void {
    const table = this.#sources[source];
    if (table.byType.get(xid.type)?.delete(xid.id) !== true) return;
    table.used--;
    this.#apply(xid);
  }

  /** A face is gone, or a neighbour on it: what led there counts no more, static or not. */
  dropFace(face: number, neighbour?: number): void {
    for (const source of routeSources) {
      for (const [type, candidates] of this.#sources[source].byType) {
        for (const id of candidates.over(face, neighbour)) this.delete(source, new Xid(type, id));
      }
    }
  }

  /** The best that is known; undefined when nobody knows anything. */
  chosen(xid: Xid): ChosenRoute | undefined {
    let best: ChosenRoute | undefined;
    for (const source of routeSources) {
      const candidate = this.get(source, xid);
      if (candidate === undefined) continue;
      const isLater = best?.source === 'binding' && candidate.sequence > best.sequence;
      if (best === undefined || isLater) best = { source, ...candidate };
    }
    return best;
  }

  gauges(): Gauge[] {
    return routeSources.map((source) => {
      const { used, highWater, refused } = this.#sources[source];
      return { name: `routes ${source}`, unit: 'entries', used, highWater, bound: this.#maxRoutes, refused };
    });
  }

  #candidates(table: SourceTable, type: number): Candidates {
    let candidates = table.byType.get(type);
    if (candidates === undefined) {
      // A type without a forwarding table is a caller's mistake, and the engine says so.
      this.#engine.table(type);
      candidates = new Candidates(this.#salt);
      table.byType.set(type, candidates);
    }
    return candidates;
  }

  #apply(xid: Xid): boolean {
    const hop = this.chosen(xid)?.hop;
    return this.#engine.route(xid, hop) || hop === undefined;
  }
}

function newTable(): SourceTable {
  return { byType: new Map(), used: 0, highWater: 0, refused: 0 };
}
