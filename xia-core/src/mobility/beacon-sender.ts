import type { NeighbourLimiter, RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { encodeBeaconMessage, type BeaconMessage } from '../wire/mobility-messages.js';
import { sealBeacon } from '../wire/mobility-statements.js';
import type { Identity, Xid } from '../xid/index.js';
import type { BeaconToken } from './beacon-token.js';
import type { Counters } from '../bytes/counters.js';
import type { CounterName } from './events.js';
import { EVERY_NEIGHBOUR, type Hop, type LinkFaces, type LinkSink } from './links.js';
import { SequenceSource } from '../bytes/sequence.js';

const DEFAULT_BEACON_INTERVAL_MS = 100;
const DEFAULT_BEACON_LIFETIME_MS = 1000;

export interface BeaconOptions {
  /** Default 100 ms. Shorter finds a moved node sooner and costs a signature each. */
  readonly intervalMs?: number | undefined;
  /** Silence for this long makes a node look elsewhere, for three times this long give up. Default 1000 ms. */
  readonly lifetimeMs?: number | undefined;
  /** Told to everybody who attaches. */
  readonly nameServer?: Dag | undefined;
  /** The least MTU of the access faces, in bytes. */
  readonly mtu: number;
}

interface BeaconSenderOptions extends BeaconOptions {
  readonly ad: Xid;
  readonly hid: Xid;
  readonly identity: Identity;
  readonly certificate: Uint8Array;
  readonly token: BeaconToken;
  readonly rng: RandomSource;
  readonly faces: LinkFaces;
  readonly sink: LinkSink;
  readonly solicitLimiter: NeighbourLimiter;
  readonly counters: Counters<CounterName>;
}

/** The router's beacons: on every access face at its interval, and at once to a neighbour who asks. */
export class BeaconSender {
  readonly #options: BeaconSenderOptions;
  #told: BeaconOptions & { readonly certificate: Uint8Array };
  readonly #sequences = new SequenceSource();
  #newest: { readonly message: BeaconMessage; readonly payload: Uint8Array } | undefined;
  #at = -Infinity;

  constructor(options: BeaconSenderOptions) {
    this.#options = options;
    this.#told = options;
  }

  /** Changes what the beacons tell from now on. The next one goes out at once, so that everybody soon knows. */
  configure(changes: Partial<BeaconOptions & { readonly certificate: Uint8Array }>, now: number): void {
    this.#told = { ...this.#told, ...changes };
    this.#at = Math.min(this.#at, now);
  }

  handleSolicit(from: Hop, isAccessFace: boolean, now: number): void {
    const { counters, solicitLimiter, sink } = this.#options;
    if (!isAccessFace) return counters.count('solicit:not-access');
    if (!solicitLimiter.take(from.face, from.neighbour, now)) return counters.count('solicit:rate-limited');
    if (this.#newest === undefined) return counters.count('solicit:no-beacon');
    counters.count('solicit:answered');
    sink.sendLink(from.face, from.neighbour, this.#newest.payload);
  }

  /** Shows itself to somebody who has just appeared. */
  greet(newcomer: Hop, now: number): void {
    const { counters, sink, solicitLimiter } = this.#options;
    if (this.#newest === undefined || !solicitLimiter.take(newcomer.face, newcomer.neighbour, now)) return;
    counters.count('beacon:greeted');
    sink.sendLink(newcomer.face, newcomer.neighbour, this.#newest.payload);
  }

  /** What a guest hears here now; undefined before the first beacon. */
  newest(): BeaconMessage | undefined {
    return this.#newest?.message;
  }

  /** When the next beacon is due. */
  nextTimeout(): number {
    return this.#at;
  }

  handleTimeout(now: number, wallNow: number): void {
    if (now < this.#at) return;
    const { faces, sink, counters, rng } = this.#options;
    const message = { beacon: this.#seal(now, wallNow), relays: [] };
    this.#newest = { message, payload: encodeBeaconMessage(message) };
    // A tenth of jitter keeps the routers of one link from speaking at the same moment for ever.
    this.#at = now + this.#intervalMs() * (0.9 + 0.1 * rng.unit());
    for (const face of faces.access()) {
      counters.count('beacon:sent');
      sink.sendLink(face, EVERY_NEIGHBOUR, this.#newest.payload);
    }
  }

  #intervalMs(): number {
    return this.#told.intervalMs ?? DEFAULT_BEACON_INTERVAL_MS;
  }

  #seal(now: number, wallNow: number): Uint8Array {
    const { ad, hid, token, identity } = this.#options;
    const { lifetimeMs = DEFAULT_BEACON_LIFETIME_MS, nameServer, mtu, certificate } = this.#told;
    return sealBeacon(
      {
        ad,
        hid,
        sequence: this.#sequences.next(wallNow),
        issuedMs: Math.floor(wallNow),
        lifetimeMs,
        intervalMs: this.#intervalMs(),
        nameServer,
        mtu,
        token: token.current(now),
        life: token.life,
        certificate,
      },
      identity,
    );
  }
}
