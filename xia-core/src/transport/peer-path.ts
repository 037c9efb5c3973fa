import { copyBytes, equalBytes, type RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { STREAM_CHALLENGE_BYTES } from '../wire/stream.js';

/** RFC 9000 section 8: to an address that has not answered yet, at most this many times what came from there. */
const AMPLIFICATION_LIMIT = 3;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 400;
/** A new address that has not answered for this long is forgotten. */
const CANDIDATE_LIFETIME_MS = 60_000;

interface Candidate {
  readonly dag: Dag;
  readonly challenge: Uint8Array;
  readonly expiresMs: number;
  receivedBytes: number;
  sentBytes: number;
  retryMs: number;
  retryAtMs: number;
}

/**
 * Where the peer is: the address in use, and the one that it says it has moved to until that has answered a challenge.
 * A challenge goes out again and again, within three times the bytes that came from there.
 */
export class PeerPath {
  #dag: Dag;
  /** Of the statement that was accepted last; a lower or equal one changes nothing. */
  #sequence = 0;
  #candidate: Candidate | undefined;
  /** The first address counts as proved only when it has shown that it received something from us. */
  #validated: boolean;
  #receivedBytes = 0;
  #sentBytes = 0;

  constructor(dag: Dag, validated: boolean) {
    this.#dag = dag;
    this.#validated = validated;
  }

  get dag(): Dag {
    return this.#dag;
  }

  get validated(): boolean {
    return this.#validated;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** The address that is being asked, if any. */
  get candidate(): Dag | undefined {
    return this.#candidate?.dag;
  }

  /** When to send a challenge (again); `Infinity` when none is wanted. */
  get challengeAtMs(): number {
    return this.#candidate?.retryAtMs ?? Infinity;
  }

  /** Before the peer has proved its first address: whether `bytes` more may go there. */
  allows(bytes: number): boolean {
    return this.#validated || this.#sentBytes + bytes <= AMPLIFICATION_LIMIT * this.#receivedBytes;
  }

  sent(bytes: number): void {
    if (!this.#validated) this.#sentBytes += bytes;
  }

  /** A packet of the peer came; counts for the address that it came from. */
  received(bytes: number, source: Dag): void {
    if (!this.#validated) this.#receivedBytes += bytes;
    const candidate = this.#candidate;
    if (candidate !== undefined && candidate.dag.equals(source)) candidate.receivedBytes += bytes;
  }

  /** The first address is proved, and may be another than was thought while connecting. */
  confirm(dag: Dag): void {
    this.#dag = dag;
    this.#validated = true;
  }

  /** While connecting, the newest OPEN says where its sender is. Still unproved, so what went out keeps counting. */
  relocate(dag: Dag): void {
    this.#dag = dag;
  }

  /**
   * A verified statement says that the peer is at `dag`.
   * @param bytes size of the packet that brought it
   * @param from where that packet came from: only what came from `dag` itself is credit for asking there
   */
  propose(dag: Dag, sequence: number, bytes: number, from: Dag, rng: RandomSource, now: number): void {
    this.#sequence = sequence;
    if (dag.equals(this.#dag)) {
      this.#candidate = undefined;
      return;
    }
    this.#candidate = {
      dag,
      challenge: rng.bytes(STREAM_CHALLENGE_BYTES),
      expiresMs: now + CANDIDATE_LIFETIME_MS,
      receivedBytes: dag.equals(from) ? bytes : 0,
      sentBytes: 0,
      retryMs: FIRST_RETRY_MS,
      retryAtMs: now,
    };
  }

  /**
   * The challenge to send now, if one is due and `bytes` more may go to the new address.
   * Call {@link expire} with the same `now` first.
   */
  takeChallenge(bytes: number, now: number): Uint8Array | undefined {
    const candidate = this.#candidate;
    if (candidate === undefined || now < candidate.retryAtMs) return undefined;
    candidate.retryAtMs = now + candidate.retryMs;
    candidate.retryMs = Math.min(LAST_RETRY_MS, candidate.retryMs * 2);
    if (candidate.sentBytes + bytes > AMPLIFICATION_LIMIT * candidate.receivedBytes) return undefined;
    candidate.sentBytes += bytes;
    return candidate.challenge;
  }

  /** Forgets a new address that does not answer. Returns true when it did. */
  expire(now: number): boolean {
    if (this.#candidate === undefined || now < this.#candidate.expiresMs) return false;
    this.#candidate = undefined;
    return true;
  }

  /** An answer came. Returns true when it is the right one: the new address is in use from now on. */
  answered(bytes: Uint8Array, start: number): boolean {
    const candidate = this.#candidate;
    if (candidate === undefined) return false;
    const token = copyBytes(bytes, start, STREAM_CHALLENGE_BYTES);
    if (!equalBytes(token, candidate.challenge)) return false;
    this.#dag = candidate.dag;
    this.#candidate = undefined;
    this.#validated = true;
    return true;
  }
}
