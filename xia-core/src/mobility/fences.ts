import { TimerQueue, type Gauge } from '../bytes/index.js';
import type { Counters } from '../bytes/counters.js';
import type { Binding } from '../wire/mobility-statements.js';
import type { Xid } from '../xid/index.js';
import type { BindingTable } from './binding-table.js';
import type { CounterName, MobilityEvent } from './events.js';
import { leadsOver, sameHop, type Hop } from './links.js';

const MAX_FENCES = 1024;
/** A fence outlives what this node last knew of the guest's place elsewhere by so much. */
const HOLD_MS = 60_000;
/** How often a fence looks whether its guest is still elsewhere. */
const LOOK_MS = 5000;
/** A copy that is awake asks several times a second; the log is told once in so long. */
const ALARM_PAUSE_MS = 10_000;

interface FencesOptions {
  /** This node. */
  readonly hid: Xid;
  readonly table: BindingTable;
  readonly counters: Counters<CounterName>;
  readonly onEvent: (event: MobilityEvent) => void;
}

interface Fence {
  readonly hid: Xid;
  /** Where the guest itself is at this node; nothing that comes from there goes on. Undefined while that is not known. */
  wire: Hop | undefined;
  endsAt: number;
  refused: number;
  alarmAt: number;
}

/**
 * Guests that were given away: a migration copies a VM's memory, and with it its key, so that the copy which stayed behind could
 * speak for the HID as well as the one that went. Whoever gives the VM away has the old copy fenced here: its bindings are refused
 * and what comes by its wire is dropped, with an alarm, as long as this node knows that the HID is bound elsewhere, and a minute
 * more. Soft state: it is in memory only, and nobody has to take it back.
 */
export class Fences {
  readonly #options: FencesOptions;
  readonly #fences = new Map<string, Fence>();
  readonly #deadlines = new TimerQueue<string>();
  /** The neighbours that fenced guests are, by face: every packet is held against it. */
  readonly #wires = new Map<number, Set<number>>();
  #highWater = 0;
  #refused = 0;

  constructor(options: FencesOptions) {
    this.#options = options;
  }

  /** Whether there are none, which spares a packet the question. */
  get isEmpty(): boolean {
    return this.#fences.size === 0;
  }

  /** Fences a HID, or goes on with it. False when too many are fenced. */
  raise(hid: Xid, now: number): boolean {
    let fence = this.#fences.get(hid.key);
    if (fence === undefined) {
      if (this.#fences.size >= MAX_FENCES) {
        this.#refused++;
        return false;
      }
      const entry = this.#options.table.get(hid);
      const wire = entry !== undefined && entry.direct && entry.state !== 'draining' ? entry.hop : undefined;
      fence = { hid, wire, endsAt: now, refused: 0, alarmAt: -Infinity };
      this.#fences.set(hid.key, fence);
      this.#highWater = Math.max(this.#highWater, this.#fences.size);
      this.#gatherWires();
    }
    fence.endsAt = now + HOLD_MS;
    this.#deadlines.set(hid.key, now + LOOK_MS);
    return true;
  }

  /** The guest may be here again. False when it was not fenced. */
  lift(hid: Xid): boolean {
    this.#deadlines.cancel(hid.key);
    const wasFenced = this.#fences.delete(hid.key);
    this.#gatherWires();
    return wasFenced;
  }

  has(hid: Xid): boolean {
    return this.#fences.has(hid.key);
  }

  /**
   * Whether a verified binding is of a fenced guest. It is counted, and the alarm raised.
   * @param isFresh it carries a token that was handed out just now: the copy itself is awake where it came from
   */
  refuses(binding: Binding, from: Hop, isFresh: boolean, now: number): boolean {
    const fence = this.#fences.get(binding.hid.key);
    if (fence === undefined) return false;
    const { counters, hid, onEvent } = this.#options;
    counters.count('binding:fenced');
    fence.refused += 1;
    if (isFresh && binding.accessPoint.equals(hid) && !sameHop(fence.wire, from)) {
      fence.wire = from;
      this.#gatherWires();
    }
    if (now >= fence.alarmAt) {
      fence.alarmAt = now + ALARM_PAUSE_MS;
      onEvent({ kind: 'fenced', hid: binding.hid, hop: from, refused: fence.refused });
    }
    return true;
  }

  /** Whether a fenced guest is what sends from there. */
  blocks(face: number, neighbour: number): boolean {
    return this.#wires.get(face)?.has(neighbour) ?? false;
  }

  /** A wire that is gone may be somebody else's tomorrow. */
  wireGone(face: number, neighbour: number | undefined): void {
    for (const fence of this.#fences.values()) {
      if (fence.wire !== undefined && leadsOver(fence.wire, face, neighbour)) fence.wire = undefined;
    }
    this.#gatherWires();
  }

  nextTimeout(): number {
    return this.#deadlines.next();
  }

  handleTimeout(now: number): void {
    for (;;) {
      const key = this.#deadlines.popDue(now);
      if (key === undefined) return;
      const fence = this.#fences.get(key);
      if (fence === undefined) continue;
      if (this.#isElsewhere(fence.hid)) fence.endsAt = now + HOLD_MS;
      if (now < fence.endsAt) this.#deadlines.set(key, now + LOOK_MS);
      else this.lift(fence.hid);
    }
  }

  gauges(): Gauge[] {
    const used = this.#fences.size;
    return [{ name: 'fenced guests', unit: 'entries', used, highWater: this.#highWater, bound: MAX_FENCES, refused: this.#refused }];
  }

  /** Fences and their wires change seldom, and two guests may share one. */
  #gatherWires(): void {
    this.#wires.clear();
    for (const { wire } of this.#fences.values()) {
      if (wire === undefined) continue;
      const neighbours = this.#wires.get(wire.face);
      if (neighbours === undefined) this.#wires.set(wire.face, new Set([wire.neighbour]));
      else neighbours.add(wire.neighbour);
    }
  }

  #isElsewhere(hid: Xid): boolean {
    const entry = this.#options.table.get(hid);
    return entry?.state === 'draining' && entry.hop !== undefined;
  }
}
