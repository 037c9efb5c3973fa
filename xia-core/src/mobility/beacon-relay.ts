import type { NeighbourLimiter, RandomSource } from '../bytes/index.js';
import { LIFE_BYTES, MAX_RELAYS, sealRelay } from '../wire/mobility-statements.js';
import { encodeBeaconMessage, type BeaconMessage } from '../wire/mobility-messages.js';
import type { CryptoSuite, Identity, Xid } from '../xid/index.js';
import { silentAt, type AccessPoint } from './access-point.js';
import type { Counters } from '../bytes/counters.js';
import type { CounterName } from './events.js';
import { EVERY_NEIGHBOUR, type Hop, type LinkFaces, type LinkSink } from './links.js';

interface BeaconRelayOptions {
  readonly hid: Xid;
  readonly identity: Identity;
  readonly crypto: CryptoSuite;
  readonly rng: RandomSource;
  /** The least MTU of the access faces, in bytes. */
  readonly mtu: number;
  readonly faces: LinkFaces;
  readonly sink: LinkSink;
  readonly solicitLimiter: NeighbourLimiter;
  readonly counters: Counters<CounterName>;
}

/**
 * The host's part of a beacon: it goes on over the access faces with the host's own statement, so that a guest can tell
 * two hosts of one AD apart. Only beacons of the access point that the host itself is bound to are relayed.
 */
export class BeaconRelay {
  readonly #options: BeaconRelayOptions;
  readonly #life: Uint8Array;
  /** The least MTU of the uplink faces, in bytes. */
  mtu: number;
  #newest: { readonly message: BeaconMessage; readonly payload: Uint8Array; readonly point: AccessPoint } | undefined;

  constructor(options: BeaconRelayOptions) {
    this.#options = options;
    this.#life = options.rng.bytes(LIFE_BYTES).slice();
    this.mtu = options.mtu;
  }

  /** A new beacon of the present access point. */
  relay(message: BeaconMessage, point: AccessPoint): void {
    const { mtu } = this;
    const { counters, crypto, faces, hid, identity, sink } = this.#options;
    if (message.relays.length >= MAX_RELAYS) return counters.count('beacon:too-many-relays');
    const own = sealRelay({ hid, beacon: crypto.hash(message.beacon), mtu: Math.min(mtu, point.mtu), life: this.#life }, identity);
    const relayed = { beacon: message.beacon, relays: [...message.relays, own] };
    const payload = encodeBeaconMessage(relayed);
    this.#newest = { message: relayed, payload, point };
    for (const face of faces.access()) {
      counters.count('beacon:relayed');
      sink.sendLink(face, EVERY_NEIGHBOUR, payload);
    }
  }

  /** The host is not attached any more: nothing to relay. */
  clear(): void {
    this.#newest = undefined;
  }

  handleSolicit(from: Hop, isAccessFace: boolean, now: number): void {
    const { counters, solicitLimiter, sink } = this.#options;
    if (!isAccessFace) return counters.count('solicit:not-access');
    if (!solicitLimiter.take(from.face, from.neighbour, now)) return counters.count('solicit:rate-limited');
    const payload = this.#fresh(now);
    if (payload === undefined) return counters.count('solicit:no-beacon');
    counters.count('solicit:answered');
    sink.sendLink(from.face, from.neighbour, payload);
  }

  /** Shows itself to somebody who has just appeared. */
  greet(newcomer: Hop, now: number): void {
    const { counters, sink, solicitLimiter } = this.#options;
    const payload = this.#fresh(now);
    if (payload === undefined || !solicitLimiter.take(newcomer.face, newcomer.neighbour, now)) return;
    counters.count('beacon:greeted');
    sink.sendLink(newcomer.face, newcomer.neighbour, payload);
  }

  /** What a guest hears here now; undefined while it hears nothing. */
  newest(now: number): BeaconMessage | undefined {
    const newest = this.#newest;
    return newest === undefined || now > silentAt(newest.point) ? undefined : newest.message;
  }

  #fresh(now: number): Uint8Array | undefined {
    return this.newest(now) && this.#newest?.payload;
  }
}
