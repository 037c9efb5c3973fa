import { XiaError, type Gauge } from '../bytes/index.js';
import { MAX_DAG_EDGES } from '../dag/index.js';
import type { XipView } from '../wire/index.js';
import { BROADCAST_HID, PrincipalType, principals, type Xid } from '../xid/index.js';
import { Disposition, forwardReasons, Reason, type ForwardReason } from './disposition.js';
import { BROADCAST_FACE, LOCAL_FACE, NO_FACE, type NextHop } from './faces.js';
import { GraphCheck, GraphShape } from './graph-check.js';
import { DEFAULT_MAX_ROUTES, RouteTable } from './route-table.js';

export interface EngineOptions {
  /** Entries per table at most. */
  readonly maxRoutes?: number;
  /** An unpredictable 32-bit number; see {@link RouteTable}. */
  readonly salt?: number;
}

/** Says where a packet comes from. */
export interface ForwardOptions {
  /** True for a packet that starts here: it keeps its hop limit, and may be broadcast. */
  readonly origin: boolean;
}

/** Ready-made {@link ForwardOptions}, so that none is made per packet. */
export const FROM_SELF: ForwardOptions = { origin: true };
export const FROM_FACE: ForwardOptions = { origin: false };

/** Principal type codes below this are found by index; others, which are rare, in a Map. */
const LOW_TYPES = 256;

/**
 * The forwarding engine of a node: one route table per principal type, and the walk over a packet's destination graph.
 *
 * From the node reached last, edges are tried in order of priority. An edge to something of ours moves the packet there and
 * starts again from it, until the sink or a service of ours is reached; an edge with a next hop sends the packet off; an
 * edge without an entry, or of a type without a table, leaves it to the next edge. That is the fallback which lets a
 * network carry addresses that it only partly understands.
 *
 * A host is at the end of its AD, and all that it does not know goes to a router of it by default. So it does not say of a packet which
 * it sends there that the packet has reached the AD: that router says it. If the host has moved and has not heard of it yet, its
 * packets for the AD where it was still find their way from the one where it is.
 *
 * Allocates nothing per packet. Answers of the last `forward` are in `outFace`, `outNeighbour`, `outNode`, `reason` and
 * `byBroadcast`.
 */
export class ForwardingEngine {
  readonly #low: Array<RouteTable | undefined> = Array.from({ length: LOW_TYPES });
  readonly #high = new Map<number, RouteTable>();
  readonly #graph = new GraphCheck();
  readonly #maxRoutes: number;
  readonly #salt: number;
  readonly #dropped = new Float64Array(forwardReasons.length);
  #hairpins = 0;
  #lastDisposition: Disposition = Disposition.DROP;
  readonly #disposed = new Float64Array(Object.keys(Disposition).length);

  /** Face of the last FORWARD. */
  outFace: number = NO_FACE;
  /** Neighbour of the last FORWARD; 0 means every neighbour of the face. */
  outNeighbour = 0;
  /** Destination node whose entry, or default, led to the last FORWARD. */
  outNode = -1;
  /** Why the last packet was dropped, unreachable or out of hops. */
  reason: Reason = Reason.NONE;
  /** Whether the last way found was a table's default. */
  #isByDefault = false;
  /** Whether the last packet passed the broadcast identifier here, which proves that its sender is on our link. */
  byBroadcast = false;

  constructor(options: EngineOptions = {}) {
    this.#maxRoutes = options.maxRoutes ?? DEFAULT_MAX_ROUTES;
    this.#salt = options.salt ?? 0;
    for (const type of Object.values(PrincipalType)) this.addPrincipal(type);
    this.table(BROADCAST_HID.type).set(BROADCAST_HID.id, BROADCAST_FACE, 0);
  }

  /** Makes a table for a principal type, if there is none yet. Until then its nodes are passed over. */
  addPrincipal(type: number): void {
    if (this.#tableOf(type) !== undefined) return;
    const table = new RouteTable(16, this.#maxRoutes, this.#salt);
    if (type < LOW_TYPES) this.#low[type] = table;
    else this.#high.set(type, table);
  }

  /** Routes by a type no more. False when its table still has entries, or it is one that every node knows. */
  removePrincipal(type: number): boolean {
    const table = this.#tableOf(type);
    if (table === undefined) return true;
    const isBuiltIn = Object.values(PrincipalType).some((known) => known === type);
    if (isBuiltIn || table.size > 0 || table.defaultFace !== NO_FACE) return false;
    if (type < LOW_TYPES) this.#low[type] = undefined;
    else this.#high.delete(type);
    return true;
  }

  /** @throws XiaError `bad-argument` when the type was never added. */
  table(type: number): RouteTable {
    const table = this.#tableOf(type);
    if (table === undefined) throw new XiaError('bad-argument', `no route table for principal type ${type}`, { type });
    return table;
  }

  /** The types that have a table, ascending. */
  types(): number[] {
    const low = [...this.#low.keys()].filter((type) => this.#low[type] !== undefined);
    return [...low, ...[...this.#high.keys()].toSorted((a, b) => a - b)];
  }

  /** Makes an identifier this node's own. False when its table is full. */
  setLocal(xid: Xid): boolean {
    return this.table(xid.type).set(xid.id, LOCAL_FACE, 0);
  }

  /** Undoes {@link setLocal}; a route to another node is left alone. False when the identifier was not ours. */
  unsetLocal(xid: Xid): boolean {
    return this.isLocal(xid) && this.table(xid.type).delete(xid.id);
  }

  isLocal(xid: Xid): boolean {
    const table = this.#tableOf(xid.type);
    const slot = table === undefined ? -1 : table.find(xid.id, 0);
    return slot >= 0 && table!.faceAt(slot) === LOCAL_FACE;
  }

  /**
   * Sets the next hop of an identifier, or removes it. What is ours, and the broadcast identifier, cannot be routed away:
   * then, and when the table is full, the answer is false.
   */
  route(xid: Xid, nextHop: NextHop | undefined): boolean {
    const table = this.table(xid.type);
    const slot = table.find(xid.id, 0);
    if (slot >= 0 && table.faceAt(slot) < NO_FACE) return false;
    if (nextHop === undefined) return slot >= 0 && table.delete(xid.id);
    return table.set(xid.id, nextHop.face, nextHop.neighbour);
  }

  /** The next hop that an identifier's own entry has; the default of its table does not count. */
  nextHop(xid: Xid): NextHop | undefined {
    const table = this.#tableOf(xid.type);
    const slot = table === undefined ? -1 : table.find(xid.id, 0);
    if (slot < 0 || table!.faceAt(slot) <= NO_FACE) return undefined;
    return { face: table!.faceAt(slot), neighbour: table!.neighbourAt(slot) };
  }

  /** Forgets every route and default through a face that is gone. Returns how many there were. */
  dropFace(face: number): number {
    let removed = 0;
    for (const type of this.types()) removed += this.table(type).deleteFace(face);
    return removed;
  }

  /**
   * Decides about one packet. A match with something of ours is written to the packet (`last`, the visited mark of the edge);
   * sending it on writes the hop limit, unless it starts here.
   * @param view a packet whose header was found good by `reset`
   * @param fromFace face that it came by; not used when it starts here
   */
  forward(view: XipView, fromFace: number, options: ForwardOptions): Disposition {
    this.#lastDisposition = this.#decide(view, options.origin);
    this.countAlike(1, fromFace);
    return this.#lastDisposition;
  }

  /** Decides as `forward` does about a packet that would start here, and counts nothing: there is no packet. */
  preview(view: XipView): Disposition {
    return this.#decide(view, true);
  }

  /** Counts further packets that are equal to the last one, and went the same way. */
  countAlike(packets: number, fromFace: number): void {
    const disposition = this.#lastDisposition;
    this.#disposed[disposition] = this.#disposed[disposition]! + packets;
    if (this.reason !== Reason.NONE) this.#dropped[this.reason] = this.#dropped[this.reason]! + packets;
    if (disposition === Disposition.FORWARD && this.outFace === fromFace) this.#hairpins += packets;
  }

  /** Packets by what was done with them, and refused ones by reason. */
  counters(): Record<'forwarded' | 'delivered' | 'broadcast' | 'hairpins' | Exclude<ForwardReason, 'none'>, number> {
    return {
      forwarded: this.#disposed[Disposition.FORWARD]!,
      delivered: this.#disposed[Disposition.DELIVER]!,
      broadcast: this.#disposed[Disposition.BROADCAST]!,
      hairpins: this.#hairpins,
      'no-route': this.#dropped[Reason.NO_ROUTE]!,
      'hop-limit': this.#dropped[Reason.HOP_LIMIT]!,
      cycle: this.#dropped[Reason.CYCLE]!,
      'two-sinks': this.#dropped[Reason.TWO_SINKS]!,
      'no-source-edge': this.#dropped[Reason.NO_SOURCE_EDGE]!,
      'broadcast-not-ours': this.#dropped[Reason.BROADCAST_NOT_OURS]!,
    };
  }

  gauges(): Gauge[] {
    return this.types().map((type) => this.table(type).gauge(`${principals.name(type) ?? `0x${type.toString(16)}`} routes`));
  }

  #tableOf(type: number): RouteTable | undefined {
    return type < LOW_TYPES ? this.#low[type] : this.#high.get(type);
  }

  #refuse(disposition: Disposition, reason: Reason): Disposition {
    this.reason = reason;
    return disposition;
  }

  #decide(view: XipView, origin: boolean): Disposition {
    this.reason = Reason.NONE;
    this.outFace = NO_FACE;
    this.outNeighbour = 0;
    this.byBroadcast = false;
    const shape = this.#graph.check(view);
    if (shape !== GraphShape.ACYCLIC) return this.#refuse(Disposition.DROP, reasonOf(shape));
    const sink = view.destinationCount - 1;
    // The sink's slots hold the source's edges, so a packet that has reached nothing yet begins there.
    let node = view.last < 0 ? sink : view.last;
    // What was last reached before an AD of ours, and the slot that led from there to the AD; -1 when the packet is not at one.
    let beforeAd = -1;
    let slotToAd = -1;
    // An acyclic graph reaches each node once at most: the bound is never met, and costs nothing.
    for (let steps = 0; steps <= sink; steps++) {
      const slot = this.#matchingSlot(view, node, origin);
      if (slot < 0) return this.#exhausted();
      const face = this.outFace;
      if (face >= 0) {
        if (slotToAd >= 0 && this.#isLeftToRouter()) this.#takeBack(view, beforeAd, slotToAd, sink);
        return this.#sendOn(view, origin);
      }
      if (face === BROADCAST_FACE && origin) return Disposition.BROADCAST;
      if (face === BROADCAST_FACE) this.byBroadcast = true;
      const next = view.edge(node, slot);
      const isAd = view.nodeType(next) === PrincipalType.AD;
      beforeAd = isAd ? view.last : -1;
      slotToAd = isAd ? slot : -1;
      view.markVisited(node, slot);
      view.setLast(next);
      if (next === sink || view.nodeType(next) === PrincipalType.SID) return Disposition.DELIVER;
      node = next;
    }
    return this.#refuse(Disposition.DROP, Reason.CYCLE);
  }

  /** The first slot of a node whose edge leads somewhere, its way in `outFace` and `outNeighbour`; -1 if none does. */
  #matchingSlot(view: XipView, node: number, origin: boolean): number {
    for (let slot = 0; slot < MAX_DAG_EDGES; slot++) {
      const next = view.edge(node, slot);
      if (next < 0) return -1;
      const table = this.#tableOf(view.nodeType(next));
      if (table === undefined) continue;
      const entry = table.find(view.bytes, view.nodeIdOffset(next));
      const face = entry >= 0 ? table.faceAt(entry) : table.defaultFace;
      if (face === NO_FACE) continue;
      // What came as a broadcast is for this node or for nobody.
      if (this.byBroadcast && !origin && face >= 0) continue;
      this.outFace = face;
      this.outNode = next;
      this.outNeighbour = entry >= 0 ? table.neighbourAt(entry) : table.defaultNeighbour;
      this.#isByDefault = entry < 0;
      return slot;
    }
    return -1;
  }

  /** Whether what follows behind an AD of ours goes by default to where whatever is in another AD goes as well. */
  #isLeftToRouter(): boolean {
    const { defaultFace, defaultNeighbour } = this.#low[PrincipalType.AD]!;
    return this.#isByDefault && this.outFace === defaultFace && this.outNeighbour === defaultNeighbour;
  }

  /** The packet has not reached the AD, after all. */
  #takeBack(view: XipView, before: number, slot: number, sink: number): void {
    const ad = view.last;
    view.unmarkVisited(before < 0 ? sink : before, slot);
    view.setLast(before);
    this.outNode = ad;
  }

  #exhausted(): Disposition {
    this.outFace = NO_FACE;
    this.outNeighbour = 0;
    if (this.byBroadcast) return this.#refuse(Disposition.DROP, Reason.BROADCAST_NOT_OURS);
    return this.#refuse(Disposition.UNREACHABLE, Reason.NO_ROUTE);
  }

  #sendOn(view: XipView, origin: boolean): Disposition {
    if (origin) return Disposition.FORWARD;
    if (view.hopLimit <= 1) return this.#refuse(Disposition.TIME_EXCEEDED, Reason.HOP_LIMIT);
    view.setHopLimit(view.hopLimit - 1);
    return Disposition.FORWARD;
  }
}

function reasonOf(shape: GraphShape): Reason {
  if (shape === GraphShape.CYCLE) return Reason.CYCLE;
  return shape === GraphShape.TWO_SINKS ? Reason.TWO_SINKS : Reason.NO_SOURCE_EDGE;
}
