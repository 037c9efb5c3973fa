import { TimerQueue, equalBytes, type Gauge, type NeighbourLimiter } from '../bytes/index.js';
import { encodePatch, encodePatchAck, type PatchAckMessage, type PatchMessage } from '../wire/mobility-messages.js';
import type { Xid } from '../xid/index.js';
import type { BindingEntry, BindingProof } from './binding-entry.js';
import type { BindingTable } from './binding-table.js';
import type { Counters } from '../bytes/counters.js';
import type { CounterName, MobilityEvent } from './events.js';
import { EVERY_NEIGHBOUR, hopKey, leadsOver, overlaps, sameHop, type Hop, type LinkSink } from './links.js';
import type { StatementVerifier } from './verify.js';

/** RTTs between neighbours are short; the doubling soon gives a congested one time. */
const FIRST_RETRANSMIT_MS = 50;
const MAX_RETRANSMIT_MS = 1000;
const MAX_TRIES = 8;
const MAX_PENDING = 4096;
/** A repetition is passed on, but not more often than this: most are there because an answer was lost. */
const REPEAT_PAUSE_MS = 200;
/** What this node passed on may come back to it by another way, for so long. By that way it must not be led. */
const ECHO_MS = 1000;

interface PatcherOptions {
  readonly hid: Xid;
  readonly table: BindingTable;
  readonly verifier: StatementVerifier;
  readonly sink: LinkSink;
  /** The way to an AD; undefined when there is none or the AD is this node's own. */
  readonly adRoute: (ad: Xid) => Hop | undefined;
  /** The way to another router of this AD that says it has a HID; undefined when none does. */
  readonly hidRoute: (hid: Xid) => Hop | undefined;
  readonly limiter: NeighbourLimiter;
  readonly counters: Counters<CounterName>;
  readonly onEvent: (event: MobilityEvent) => void;
}

interface Pending {
  readonly hop: Hop;
  readonly hid: Xid;
  readonly sequence: number;
  readonly payload: Uint8Array;
  tries: number;
  delayMs: number;
}

/**
 * Carries an accepted binding on to where packets for its HID may still go: the hops that it replaced and the ways to the
 * ADs that it names. Each node on the way points to the one that told it, so a chain of patched nodes never loops. A hop
 * is told again until it answers, eight times at most. Who has lost its way takes the same binding again, from whoever has
 * one, and what a node hears once more from its own next hop it passes on: so the gateway reaches those beyond.
 */
export class Patcher {
  readonly #options: PatcherOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #timers = new TimerQueue<string>();
  #highWater = 0;
  #refused = 0;

  constructor(options: PatcherOptions) {
    this.#options = options;
  }

  /** Tells every hop that has to know of `proof`, but not `from`, where it came from. */
  spread(proof: BindingProof, from: Hop, now: number): void {
    this.#options.table.noteSpread(proof.binding.hid, now);
    const targets: Hop[] = [];
    const add = (hop: Hop | undefined): void => {
      if (hop === undefined || hop.face < 0 || overlaps(hop, from)) return;
      if (!targets.some((other) => overlaps(other, hop))) targets.push(hop);
    };
    for (const former of this.#options.table.get(proof.binding.hid)?.formers ?? []) add(former);
    add(this.#options.hidRoute(proof.binding.hid));
    for (const ad of proof.binding.previousAds) add(this.#options.adRoute(ad));
    const payload = encodePatch({ binding: proof.bindingBytes, ack: proof.ackBytes });
    for (const hop of targets) this.#start(hop, proof, payload, now);
  }

  handlePatch(from: Hop, message: PatchMessage, isAccessFace: boolean, now: number, wallNow: number): void {
    const { counters, limiter, table } = this.#options;
    if (isAccessFace) return counters.count('patch:from-access');
    if (!limiter.take(from.face, from.neighbour, now)) return counters.count('patch:rate-limited');
    const proven = this.#options.verifier.proof(message.binding, message.ack, wallNow);
    if (!proven.ok) return counters.count(`patch:${proven.reason}`);
    const { binding, ack } = proven.value;
    if (binding.hid.equals(this.#options.hid)) {
      this.#acknowledge(from, binding.hid, binding.sequence);
      return counters.count('patch:own-hid');
    }
    if (binding.router.equals(this.#options.hid)) {
      // Ours from before a restart: who is bound here is known here, or binds anew.
      this.#acknowledge(from, binding.hid, binding.sequence);
      return counters.count('patch:own-guest');
    }
    const known = table.get(binding.hid);
    if (known !== undefined && known.sequence >= binding.sequence) {
      const again = known.proof !== undefined && equalBytes(known.proof.bindingBytes, message.binding);
      if (!again || !lostItsWay(known) || now - known.spreadAt < ECHO_MS) {
        this.#acknowledge(from, binding.hid, binding.sequence);
        counters.count(again ? 'patch:duplicate' : 'patch:stale');
        if (again && known.proof !== undefined && sameHop(known.hop, from) && now - known.spreadAt > REPEAT_PAUSE_MS)
          this.spread(known.proof, from, now);
        return;
      }
    }
    if (!table.hasRoomFor(binding.hid, from)) return counters.count('patch:table-full');
    const proof: BindingProof = { binding, bindingBytes: message.binding, ackBytes: message.ack };
    const turned = table.accept({ proof, hop: from, direct: false, patched: true, lifetimeMs: ack.lifetimeMs }, now);
    this.#acknowledge(from, binding.hid, binding.sequence);
    counters.count('patch:accepted');
    this.#options.onEvent({ kind: 'patched', hid: binding.hid, hop: from, sequence: binding.sequence, turned });
    this.spread(proof, from, now);
  }

  handlePatchAck(from: Hop, message: PatchAckMessage): void {
    const everyone = { face: from.face, neighbour: EVERY_NEIGHBOUR };
    for (const key of [pendingKey(message.hid, from), pendingKey(message.hid, everyone)]) {
      const pending = this.#pending.get(key);
      if (pending === undefined || message.sequence !== pending.sequence) continue;
      this.#drop(key);
      return this.#options.counters.count('patch-ack:accepted');
    }
    this.#options.counters.count('patch-ack:unmatched');
  }

  faceRemoved(face: number, neighbour?: number): void {
    for (const [key, pending] of this.#pending) if (leadsOver(pending.hop, face, neighbour)) this.#drop(key);
  }

  nextTimeout(): number {
    return this.#timers.next();
  }

  handleTimeout(now: number): void {
    for (;;) {
      const key = this.#timers.popDue(now);
      if (key === undefined) return;
      const pending = this.#pending.get(key);
      if (pending !== undefined) this.#retry(key, pending, now);
    }
  }

  #start(hop: Hop, proof: BindingProof, payload: Uint8Array, now: number): void {
    const { hid, sequence } = proof.binding;
    const key = pendingKey(hid, hop);
    if (!this.#pending.has(key) && this.#pending.size >= MAX_PENDING) {
      this.#refused++;
      return this.#options.counters.count('patch:too-many-pending');
    }
    const pending = { hop, hid, sequence, payload, tries: 0, delayMs: FIRST_RETRANSMIT_MS };
    this.#pending.set(key, pending);
    this.#highWater = Math.max(this.#highWater, this.#pending.size);
    this.#retry(key, pending, now);
  }

  #retry(key: string, pending: Pending, now: number): void {
    if (!this.#isStillSo(pending)) return this.#drop(key);
    if (pending.tries >= MAX_TRIES) {
      this.#drop(key);
      this.#options.counters.count('patch:unanswered');
      this.#options.onEvent({ kind: 'patch-failed', hid: pending.hid, hop: pending.hop, sequence: pending.sequence });
      return;
    }
    pending.tries += 1;
    this.#options.counters.count(pending.tries === 1 ? 'patch:sent' : 'patch:retransmitted');
    this.#options.sink.sendLink(pending.hop.face, pending.hop.neighbour, pending.payload);
    this.#timers.set(key, now + pending.delayMs);
    pending.delayMs = Math.min(2 * pending.delayMs, MAX_RETRANSMIT_MS);
  }

  gauges(): Gauge[] {
    const used = this.#pending.size;
    return [{ name: 'patches', unit: 'entries', used, highWater: this.#highWater, bound: MAX_PENDING, refused: this.#refused }];
  }

  /** What this node has come to know otherwise meanwhile is not passed on: whoever was told would point to where it came from. */
  #isStillSo({ hid, hop }: Pending): boolean {
    const entry = this.#options.table.get(hid);
    if (entry === undefined) return true;
    return !lostItsWay(entry) && (entry.hop === undefined || !overlaps(entry.hop, hop));
  }

  #acknowledge(to: Hop, hid: Xid, sequence: number): void {
    this.#options.sink.sendLink(to.face, to.neighbour, encodePatchAck({ hid, sequence }));
  }

  #drop(key: string): void {
    this.#pending.delete(key);
    this.#timers.cancel(key);
  }
}

/** Whether a patched entry waits to be told of another way: the same binding may come again, by whoever has one. */
function lostItsWay(entry: Readonly<BindingEntry>): boolean {
  return entry.state === 'draining' && entry.hop === undefined && entry.proof !== undefined && entry.proof.binding.lifetimeMs > 0;
}

function pendingKey(hid: Xid, hop: Hop): string {
  return `${hid.key}@${hopKey(hop)}`;
}
