import { equalBytes, type NeighbourLimiter } from '../bytes/index.js';
import { encodeBindingAckMessage, encodeBindingMessage, type BindingAckMessage, type BindingMessage } from '../wire/mobility-messages.js';
import type { Binding, BindingAck } from '../wire/mobility-statements.js';
import type { Xid } from '../xid/index.js';
import type { BindingEntry } from './binding-entry.js';
import type { BindingTable } from './binding-table.js';
import type { Counters } from '../bytes/counters.js';
import type { AttachmentInfo, CounterName, MobilityEvent } from './events.js';
import type { Fences } from './fences.js';
import { overlaps, sameHop, type Hop, type LinkSink } from './links.js';
import type { Patcher } from './patcher.js';
import type { KeyedRateLimiter } from '../bytes/rate-limiter.js';
import type { StatementVerifier } from './verify.js';

/** How long a binding is followed without the gateway's answer. */
const TENTATIVE_MS = 5000;

/** What the host knows of its own attachment. */
export interface Uplink {
  readonly attachment: AttachmentInfo;
  /** Whether the token was in one of the last beacons of that attachment. */
  acceptsToken(token: Uint8Array): boolean;
}

interface BindingPasserOptions {
  readonly hid: Xid;
  readonly table: BindingTable;
  readonly fences: Fences;
  readonly patcher: Patcher;
  readonly verifier: StatementVerifier;
  readonly sink: LinkSink;
  readonly uplink: () => Uplink | undefined;
  readonly hopLimiter: NeighbourLimiter;
  readonly hidLimiter: KeyedRateLimiter;
  readonly counters: Counters<CounterName>;
  readonly onEvent: (event: MobilityEvent) => void;
}

/**
 * The host's side of a guest's binding: follow it at once, so that packets which the gateway already sends this way do not
 * bounce, pass it up as it is, and pass the answer down. A refusal undoes it. The token must be one that this host handed
 * out lately: a binding recorded elsewhere turns nothing here.
 */
export class BindingPasser {
  readonly #options: BindingPasserOptions;

  constructor(options: BindingPasserOptions) {
    this.#options = options;
  }

  handleBinding(from: Hop, message: BindingMessage, isAccessFace: boolean, now: number): void {
    const { counters, fences, hopLimiter, hidLimiter, verifier } = this.#options;
    if (!isAccessFace) return counters.count('binding:not-access');
    if (!hopLimiter.take(from.face, from.neighbour, now)) return counters.count('binding:rate-limited');
    const uplink = this.#options.uplink();
    if (uplink === undefined) return counters.count('binding:not-attached');
    const verified = verifier.binding(message.binding);
    if (!verified.ok) return counters.count(`binding:${verified.reason}`);
    const binding = verified.value;
    if (binding.hid.equals(this.#options.hid)) return counters.count('binding:own-hid');
    const { ad, router } = uplink.attachment;
    if (!binding.router.equals(router) || !binding.ad.equals(ad)) return counters.count('binding:wrong-gateway');
    if (!hidLimiter.take(binding.hid.key, now)) return counters.count('binding:rate-limited');
    if (fences.refuses(binding, from, uplink.acceptsToken(binding.token), now)) return;
    if (!this.#follow(from, message, binding, uplink, now)) return;
    counters.count('binding:passed');
    const { face, neighbour } = uplink.attachment.hop;
    this.#options.sink.sendLink(face, neighbour, encodeBindingMessage(message));
  }

  handleAck(from: Hop, message: BindingAckMessage, now: number, wallNow: number): void {
    const { counters, verifier, hopLimiter } = this.#options;
    const uplink = this.#options.uplink();
    if (uplink === undefined || !overlaps(uplink.attachment.hop, from)) return counters.count('ack:unmatched');
    if (!hopLimiter.take(from.face, from.neighbour, now)) return counters.count('ack:rate-limited');
    const verified = verifier.ack(message.ack, wallNow);
    if (!verified.ok) return counters.count(`ack:${verified.reason}`);
    const ack = verified.value;
    const { ad, router } = uplink.attachment;
    const isMine = ack.router.equals(router) && ack.ad.equals(ad) && ack.hid.equals(message.hid);
    if (!isMine) return counters.count('ack:mismatch');
    const entry = this.#options.table.get(ack.hid);
    const to = entry === undefined ? undefined : this.#settle(entry, message, ack, from, now);
    if (to === undefined) return counters.count('ack:unmatched');
    counters.count('ack:passed');
    this.#options.sink.sendLink(to.face, to.neighbour, encodeBindingAckMessage(message));
  }

  /** Turns the route, unless the binding is old. Returns whether it goes up. */
  #follow(from: Hop, message: BindingMessage, binding: Binding, uplink: Uplink, now: number): boolean {
    const { counters, table } = this.#options;
    const entry = table.get(binding.hid);
    const newest = entry?.tentative ?? (entry?.proof && { ...entry.proof, hop: entry.hop ?? from });
    if (newest !== undefined && newest.binding.sequence === binding.sequence) {
      // The node asks again because the answer was lost; the same bytes from another place are a replay.
      if (sameHop(newest.hop, from) && equalBytes(newest.bindingBytes, message.binding)) return true;
      counters.count('binding:replayed');
      return false;
    }
    if (newest !== undefined && binding.sequence < newest.binding.sequence) {
      counters.count('binding:stale');
      return false;
    }
    if (!uplink.acceptsToken(binding.token)) {
      counters.count('binding:bad-token');
      return false;
    }
    if (!table.hasRoomFor(binding.hid, from)) {
      counters.count('binding:table-full');
      return false;
    }
    table.propose({ binding, bindingBytes: message.binding, hop: from, expiresAt: now + TENTATIVE_MS }, now);
    return true;
  }

  /** Applies the gateway's word. Returns the hop that the answer goes to, undefined when nobody waits for it. */
  #settle(entry: Readonly<BindingEntry>, message: BindingAckMessage, ack: BindingAck, from: Hop, now: number): Hop | undefined {
    const { table, patcher, onEvent, hid } = this.#options;
    const { tentative } = entry;
    if (tentative === undefined || tentative.binding.sequence !== ack.sequence) {
      return entry.sequence === ack.sequence && ack.status === 'ok' ? entry.hop : undefined;
    }
    const { binding, bindingBytes, hop } = tentative;
    if (ack.status !== 'ok') {
      table.reject(binding.hid, binding.sequence);
      return hop;
    }
    const proof = { binding, bindingBytes, ackBytes: message.ack };
    const direct = binding.accessPoint.equals(hid);
    const turned = table.accept({ proof, hop, direct, patched: false, lifetimeMs: ack.lifetimeMs }, now);
    const next = ack.lifetimeMs === 0 ? undefined : hop;
    onEvent({ kind: 'bound', hid: binding.hid, hop: next, sequence: binding.sequence, turned });
    patcher.spread(proof, from, now);
    return hop;
  }
}
