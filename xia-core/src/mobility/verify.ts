import { concatBytes, equalBytes } from '../bytes/index.js';
import {
  beaconSchema,
  bindingAckSchema,
  bindingSchema,
  noticeSchema,
  prepareSchema,
  relaySchema,
  type Beacon,
  type Binding,
  type BindingAck,
  type Certificate,
  type Notice,
  type Prepare,
} from '../wire/mobility-statements.js';
import { StatementKind, openStatement, type StatementFault } from '../wire/statement.js';
import type { CryptoSuite, Xid } from '../xid/index.js';
import { CertificateMemo } from './certificate-memo.js';

/** Clocks of honest nodes are this far apart at most, unless configured otherwise. */
const DEFAULT_SKEW_MS = 30_000;
/**
 * How far in the future a beacon or ack may seem to be. A node that was stopped and moved has a clock that stands behind,
 * and the past is the only place that replays come from: a statement from "the future" is no older than it looks.
 */
const DEFAULT_MAX_LAG_MS = 86_400_000;

export type VerifyFault = StatementFault | 'wrong-signer' | 'expired' | 'future' | 'bad-certificate' | 'bad-relay' | 'mismatch';

export type Verified<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: VerifyFault };

interface VerifierOptions {
  readonly crypto: CryptoSuite;
  readonly skewMs?: number;
  readonly maxLagMs?: number;
}

/** A beacon with the hosts that carried it on. */
export interface HeardBeacon {
  readonly beacon: Beacon;
  /** The node that this one would attach to: the last relay, or the router. */
  readonly accessPoint: Xid;
  readonly relays: readonly Xid[];
  /** `life` of the router and of each relay: when one has changed, whoever bound over this way is forgotten there. */
  readonly lives: readonly Uint8Array[];
  /** The least MTU of the way to the router. */
  readonly mtu: number;
}

/** A binding and the gateway's word that it accepted it. */
export interface ProvenBinding {
  readonly binding: Binding;
  readonly ack: BindingAck;
}

/** Checks statements of mobility: the signature, that the signer is who the body speaks for, and the times. */
export class StatementVerifier {
  readonly #crypto: CryptoSuite;
  readonly #certificates: CertificateMemo;
  readonly #skewMs: number;
  readonly #maxLagMs: number;

  constructor(options: VerifierOptions) {
    this.#crypto = options.crypto;
    this.#certificates = new CertificateMemo(options.crypto);
    this.#skewMs = options.skewMs ?? DEFAULT_SKEW_MS;
    this.#maxLagMs = options.maxLagMs ?? DEFAULT_MAX_LAG_MS;
  }

  /** A beacon and the relays that go with it, none of them older than its lifetime. */
  beacon(bytes: Uint8Array, relays: readonly Uint8Array[], wallNow: number): Verified<HeardBeacon> {
    const opened = openStatement(bytes, StatementKind.BEACON, this.#crypto, beaconSchema);
    if (!opened.ok) return opened;
    const beacon = opened.value;
    if (!equalBytes(opened.signerId, beacon.hid.id)) return refuse('wrong-signer');
    const age = this.#age(beacon.issuedMs, beacon.lifetimeMs, wallNow);
    if (age !== undefined) return refuse(age);
    if (!this.#certified(beacon.certificate, beacon.ad, beacon.hid, wallNow)) return refuse('bad-certificate');
    return this.#withRelays(bytes, beacon, relays);
  }

  #withRelays(bytes: Uint8Array, beacon: Beacon, relays: readonly Uint8Array[]): Verified<HeardBeacon> {
    const digest = this.#crypto.hash(bytes);
    const hosts: Xid[] = [];
    const lives = [beacon.life];
    let accessPoint = beacon.hid;
    let mtu = beacon.mtu;
    for (const relayBytes of relays) {
      const opened = openStatement(relayBytes, StatementKind.RELAY, this.#crypto, relaySchema);
      if (!opened.ok) return opened;
      const relay = opened.value;
      if (!equalBytes(opened.signerId, relay.hid.id)) return refuse('wrong-signer');
      if (!equalBytes(relay.beacon, digest)) return refuse('bad-relay');
      if (relay.hid.equals(beacon.hid) || hosts.some((host) => host.equals(relay.hid))) return refuse('bad-relay');
      hosts.push(relay.hid);
      lives.push(relay.life);
      accessPoint = relay.hid;
      mtu = Math.min(mtu, relay.mtu);
    }
    return { ok: true, value: { beacon, accessPoint, relays: hosts, lives, mtu } };
  }

  /** A binding's signature and signer. Freshness is for the gateway, by token and sequence. */
  binding(bytes: Uint8Array): Verified<Binding> {
    const opened = openStatement(bytes, StatementKind.BINDING, this.#crypto, bindingSchema);
    if (!opened.ok) return opened;
    if (!equalBytes(opened.signerId, opened.value.hid.id)) return refuse('wrong-signer');
    return opened;
  }

  /** An ack, of a router that the AD certified. */
  ack(bytes: Uint8Array, wallNow: number): Verified<BindingAck> {
    const opened = openStatement(bytes, StatementKind.BINDING_ACK, this.#crypto, bindingAckSchema);
    if (!opened.ok) return opened;
    const ack = opened.value;
    if (!equalBytes(opened.signerId, ack.router.id)) return refuse('wrong-signer');
    const age = this.#age(ack.issuedMs, ack.lifetimeMs, wallNow);
    if (age !== undefined) return refuse(age);
    if (!this.#certified(ack.certificate, ack.ad, ack.router, wallNow)) return refuse('bad-certificate');
    return { ok: true, value: ack };
  }

  /** A host's notice of a guest, signed by that host. */
  notice(bytes: Uint8Array, wallNow: number): Verified<Notice> {
    const opened = openStatement(bytes, StatementKind.NOTICE, this.#crypto, noticeSchema);
    if (!opened.ok) return opened;
    const { host, issuedMs, lifetimeMs } = opened.value;
    if (!equalBytes(opened.signerId, host.id)) return refuse('wrong-signer');
    const age = this.#age(issuedMs, lifetimeMs, wallNow);
    return age === undefined ? opened : refuse(age);
  }

  /** A host's word that its guest may soon be elsewhere, signed by that host and about that very beacon. */
  prepare(bytes: Uint8Array, beacon: Uint8Array, relays: readonly Uint8Array[], wallNow: number): Verified<Prepare> {
    const opened = openStatement(bytes, StatementKind.PREPARE, this.#crypto, prepareSchema);
    if (!opened.ok) return opened;
    const { host, place, issuedMs, lifetimeMs } = opened.value;
    if (!equalBytes(opened.signerId, host.id)) return refuse('wrong-signer');
    if (!equalBytes(place, placeHash(this.#crypto, beacon, relays))) return refuse('mismatch');
    const age = this.#age(issuedMs, lifetimeMs, wallNow);
    return age === undefined ? opened : refuse(age);
  }

  /** Which router an AD lets speak for it, when the certificate is good and its time is now. Verified once, and remembered. */
  certificate(bytes: Uint8Array, wallNow: number): Certificate | undefined {
    const certificate = this.#certificates.open(bytes);
    if (certificate === undefined) return undefined;
    const { notBefore, notAfter } = certificate;
    return notBefore <= wallNow + this.#maxLagMs && notAfter + this.#skewMs >= wallNow ? certificate : undefined;
  }

  /** A binding with the ack that proves that the gateway which the binding names has accepted it. */
  proof(bindingBytes: Uint8Array, ackBytes: Uint8Array, wallNow: number): Verified<ProvenBinding> {
    const binding = this.binding(bindingBytes);
    if (!binding.ok) return binding;
    const ack = this.ack(ackBytes, wallNow);
    if (!ack.ok) return ack;
    return matches(binding.value, ack.value) ? { ok: true, value: { binding: binding.value, ack: ack.value } } : refuse('mismatch');
  }

  /** Whether a binding is not older than its lifetime by the clock of its node, too, which may have been stopped for long. */
  isCurrent({ issuedMs, lifetimeMs }: Binding, wallNow: number): boolean {
    return this.#age(issuedMs, lifetimeMs, wallNow) === undefined;
  }

  /** Undefined when `issuedMs` is believable now. */
  #age(issuedMs: number, lifetimeMs: number, wallNow: number): 'expired' | 'future' | undefined {
    if (issuedMs + lifetimeMs + this.#skewMs < wallNow) return 'expired';
    if (issuedMs > wallNow + this.#maxLagMs) return 'future';
    return undefined;
  }

  #certified(bytes: Uint8Array, ad: Xid, router: Xid, wallNow: number): boolean {
    const certificate = this.certificate(bytes, wallNow);
    return certificate !== undefined && certificate.ad.equals(ad) && certificate.hid.equals(router);
  }
}

/** What a PREPARE says of the place that it is about. */
export function placeHash(crypto: CryptoSuite, beacon: Uint8Array, relays: readonly Uint8Array[]): Uint8Array {
  return crypto.hash(concatBytes(beacon, ...relays));
}

function matches(binding: Binding, ack: BindingAck): boolean {
  return (
    ack.status === 'ok' &&
    ack.sequence === binding.sequence &&
    ack.lifetimeMs <= binding.lifetimeMs &&
    ack.hid.equals(binding.hid) &&
    ack.ad.equals(binding.ad) &&
    ack.router.equals(binding.router)
  );
}

function refuse(reason: VerifyFault): { readonly ok: false; readonly reason: VerifyFault } {
  return { ok: false, reason };
}
