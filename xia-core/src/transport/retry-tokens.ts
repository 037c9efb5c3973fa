import { copyBytes, readU32BE, writeU32BE, type RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { STREAM_RETRY_TOKEN_BYTES } from '../wire/stream.js';
import type { CryptoSuite, Xid } from '../xid/index.js';
import { hmacSha256 } from './hmac.js';

/** How long a token is good, and how long a key makes them. */
export const RETRY_TOKEN_LIFETIME_MS = 30_000;
const KEY_BYTES = 32;
const MAC_OFFSET = 4;
const MAC_BYTES = STREAM_RETRY_TOKEN_BYTES - MAC_OFFSET;
const DOMAIN = Uint8Array.from('xia:retry:v1\0', (letter) => letter.charCodeAt(0));
/** Domain, seconds, the client's connection id, the service. */
const FIXED_BYTES = DOMAIN.length + 4 + 8 + 20;

/** What a token is for: good for nothing else. */
export interface Opener {
  /** The client's connection id, in two halves. */
  readonly idHigh: number;
  readonly idLow: number;
  /** The service that is called, and the address that answers go to. */
  readonly service: Xid;
  readonly source: Dag;
}

/**
 * Tokens that a client can only have who receives what is sent to its address, and of which nothing is kept here: the second
 * of issue and a keyed hash (HMAC-SHA-256, 16 bytes of it) over that, the client and the service.
 *
 * Keys are random and live for {@link RETRY_TOKEN_LIFETIME_MS}; the one before is kept for the tokens that are still good.
 */
export class RetryTokens {
  readonly #crypto: CryptoSuite;
  readonly #rng: RandomSource;
  #epoch = -Infinity;
  #key: Uint8Array = new Uint8Array(0);
  #previousKey: Uint8Array = new Uint8Array(0);

  constructor(crypto: CryptoSuite, rng: RandomSource) {
    this.#crypto = crypto;
    this.#rng = rng;
  }

  /** A token for this client, 20 bytes. */
  make(opener: Opener, now: number): Uint8Array {
    this.#rotate(now);
    const token = new Uint8Array(STREAM_RETRY_TOKEN_BYTES);
    const seconds = Math.floor(now / 1000) >>> 0;
    writeU32BE(token, 0, seconds);
    token.set(this.#mac(this.#keyOf(seconds) ?? this.#key, seconds, opener), MAC_OFFSET);
    return token;
  }

  /** Whether the token at `start` of `bytes` was made here for this client, lately. */
  isGood(bytes: Uint8Array, start: number, opener: Opener, now: number): boolean {
    this.#rotate(now);
    const seconds = readU32BE(bytes, start);
    const ageMs = now - seconds * 1000;
    if (ageMs < 0 || ageMs > RETRY_TOKEN_LIFETIME_MS) return false;
    const key = this.#keyOf(seconds);
    if (key === undefined) return false;
    return equalInConstantTime(this.#mac(key, seconds, opener), copyBytes(bytes, start + MAC_OFFSET, MAC_BYTES));
  }

  #rotate(now: number): void {
    const epoch = epochOf(now);
    if (epoch === this.#epoch) return;
    this.#previousKey = epoch === this.#epoch + 1 ? this.#key : new Uint8Array(0);
    this.#key = this.#rng.bytes(KEY_BYTES);
    this.#epoch = epoch;
  }

  /** The key of the time of issue; undefined when it is gone, or was never there. */
  #keyOf(seconds: number): Uint8Array | undefined {
    const epoch = epochOf(seconds * 1000);
    if (epoch === this.#epoch) return this.#key;
    return epoch === this.#epoch - 1 && this.#previousKey.length > 0 ? this.#previousKey : undefined;
  }

  #mac(key: Uint8Array, seconds: number, { idHigh, idLow, service, source }: Opener): Uint8Array {
    const message = new Uint8Array(FIXED_BYTES + source.wire.length);
    let at = DOMAIN.length;
    message.set(DOMAIN);
    writeU32BE(message, at, seconds);
    writeU32BE(message, at + 4, idHigh);
    writeU32BE(message, at + 8, idLow);
    at += 12;
    message.set(service.id, at);
    message.set(source.wire, FIXED_BYTES);
    return hmacSha256(this.#crypto, key, message).subarray(0, MAC_BYTES);
  }
}

function epochOf(ms: number): number {
  return Math.floor(ms / RETRY_TOKEN_LIFETIME_MS);
}

/** Takes as long for a token that is wrong in its first byte as for one that is wrong in its last. */
function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
