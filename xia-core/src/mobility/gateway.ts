import { equalBytes, type NeighbourLimiter } from '../bytes/index.js';
import { encodeBindingAckMessage, type BindingMessage } from '../wire/mobility-messages.js';
import { sealBindingAck, type Binding, type BindingStatus } from '../wire/mobility-statements.js';
import type { Identity, Xid } from '../xid/index.js';
import type { BeaconToken } from './beacon-token.js';
import type { BindingTable } from './binding-table.js';
import type { Counters } from '../bytes/counters.js';
import type { CounterName, MobilityEvent } from './events.js';
import { sameHop, type Hop, type LinkSink } from './links.js';
import type { Fences } from './fences.js';
import type { Patcher } from './patcher.js';
import type { KeyedRateLimiter } from '../bytes/rate-limiter.js';
import type { StatementVerifier } from './verify.js';

const DEFAULT_MAX_GRANT_MS = 120_000;

interface GatewayOptions {
  readonly ad: Xid;
  readonly hid: Xid;
  readonly identity: Identity;
  /** Statement bytes of the AD's certificate for this router. */
  readonly certificate: Uint8Array;
  readonly token: BeaconToken;
  readonly table: BindingTable;
  readonly fences: Fences;
  readonly patcher: Patcher;
  readonly verifier: StatementVerifier;
  readonly sink: LinkSink;
  /** Messages per neighbour, taken before any signature is looked at. */
  readonly hopLimiter: NeighbourLimiter;
  /** Bindings per HID. */
  readonly hidLimiter: KeyedRateLimiter;
  /** The longest lifetime that is granted. */
  readonly maxGrantMs?: number;
  readonly counters: Counters<CounterName>;
  readonly onEvent: (event: MobilityEvent) => void;
}

/** The router's side of a binding: accept it, answer it, and send it on to the places that it replaces. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #maxGrantMs: number;
  /** Statement bytes of the AD's certificate for this router. */
  certificate: Uint8Array;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.certificate = options.certificate;
    this.#maxGrantMs = options.maxGrantMs ?? DEFAULT_MAX_GRANT_MS;
  }

  handleBinding(from: Hop, message: BindingMessage, isAccessFace: boolean, now: number, wallNow: number): void {
    const { counters, hopLimiter, verifier, table, fences, token } = this.#options;
    if (!isAccessFace) return counters.count('binding:not-access');
    if (!hopLimiter.take(from.face, from.neighbour, now)) return counters.count('binding:rate-limited');
    const verified = verifier.binding(message.binding);
    if (!verified.ok) return counters.count(`binding:${verified.reason}`);
    const binding = verified.value;
    if (binding.hid.equals(this.#options.hid)) return counters.count('binding:own-hid');
    if (!binding.router.equals(this.#options.hid) || !binding.ad.equals(this.#options.ad)) {
      return counters.count('binding:wrong-gateway');
    }
    if (fences.refuses(binding, from, token.accepts(binding.token, now), now)) return;
    const known = table.get(binding.hid);
    if (known?.sequence === binding.sequence) return this.#repeat(from, message, binding);
    if (!this.#comesFromAccessPoint(from, binding)) return counters.count('binding:replayed');
    const status = this.#judge(from, binding, now);
    if (status === 'ok') this.#accept(from, message, binding, now, wallNow);
    else this.#refuse(from, binding, status, wallNow);
  }

  /** A host that is bound here speaks from one hop: a binding through it that comes from another was carried there. */
  #comesFromAccessPoint(from: Hop, binding: Binding): boolean {
    const host = this.#options.table.get(binding.accessPoint);
    return host?.hop === undefined || sameHop(host.hop, from);
  }

  /** A binding that is known already: its ack was lost, or somebody replays it from elsewhere. */
  #repeat(from: Hop, message: BindingMessage, binding: Binding): void {
    const known = this.#options.table.get(binding.hid);
    const proof = known?.proof;
    const isSame = proof !== undefined && equalBytes(proof.bindingBytes, message.binding);
    const isHere = known?.hop === undefined ? binding.lifetimeMs === 0 : sameHop(known.hop, from);
    if (!isSame || !isHere) return this.#options.counters.count('binding:replayed');
    this.#options.counters.count('binding:repeated');
    this.#send(from, proof.ackBytes, binding.hid);
  }

  #judge(from: Hop, binding: Binding, now: number): BindingStatus {
    const { hidLimiter, table, token, onEvent } = this.#options;
    const known = table.get(binding.hid);
    if (known !== undefined && binding.sequence < known.sequence) return 'stale';
    if (!token.accepts(binding.token, now)) return 'bad-token';
    if (!hidLimiter.take(binding.hid.key, now)) return 'rate-limited';
    if (!table.hasRoomFor(binding.hid, from)) return 'table-full';
    const turn = table.mayTurn(binding.hid, from, now);
    if (turn.justFrozen) onEvent({ kind: 'frozen', hid: binding.hid, moves: table.recentMoves(binding.hid, now) });
    return turn.allowed ? 'ok' : 'frozen';
  }

  #accept(from: Hop, message: BindingMessage, binding: Binding, now: number, wallNow: number): void {
    const { table, patcher, counters, onEvent, hid } = this.#options;
    const lifetimeMs = Math.min(binding.lifetimeMs, this.#maxGrantMs);
    const ackBytes = this.#seal(binding, 'ok', lifetimeMs, wallNow);
    const proof = { binding, bindingBytes: message.binding, ackBytes };
    const turned = table.accept({ proof, hop: from, direct: binding.accessPoint.equals(hid), patched: false, lifetimeMs }, now);
    counters.count('binding:accepted');
    this.#send(from, ackBytes, binding.hid);
    const hop = lifetimeMs === 0 ? undefined : from;
    // Before anybody hears of it: once this router announces the HID, the way to where it was before is not known any more.
    patcher.spread(proof, from, now);
    onEvent({ kind: 'bound', hid: binding.hid, hop, sequence: binding.sequence, turned });
  }

  #refuse(from: Hop, binding: Binding, status: BindingStatus, wallNow: number): void {
    this.#options.counters.count(`binding:${status}`);
    this.#send(from, this.#seal(binding, status, 0, wallNow), binding.hid);
  }

  #seal(binding: Binding, status: BindingStatus, lifetimeMs: number, wallNow: number): Uint8Array {
    const { certificate } = this;
    const { ad, hid: router, identity } = this.#options;
    const { hid, sequence } = binding;
    const issuedMs = Math.floor(wallNow);
    return sealBindingAck({ hid, ad, router, sequence, issuedMs, status, lifetimeMs, certificate }, identity);
  }

  #send(to: Hop, ack: Uint8Array, hid: Xid): void {
    this.#options.sink.sendLink(to.face, to.neighbour, encodeBindingAckMessage({ ack, hid }));
  }
}
