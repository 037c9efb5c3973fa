import { concatBytes, equalBytes, writeU32BE, type RandomSource } from '../bytes/index.js';
import type { CryptoSuite } from '../xid/index.js';
import { LIFE_BYTES, TOKEN_BYTES } from '../wire/mobility-statements.js';

/** How long one token is given out. */
export const TOKEN_EPOCH_MS = 10_000;

/**
 * The rotating token of a router's beacons: a hash of a secret and the epoch. A binding that carries it was made after
 * its beacon, so it is fresh without a round trip and whatever the clocks say. The current and the previous token are
 * good: a binding may use the token for at least one epoch after it was heard.
 */
export class BeaconToken {
  readonly #crypto: CryptoSuite;
  readonly #secret: Uint8Array;
  /** Tells this run of the router from others: as long as the secret lasts, what was bound by its tokens is known. */
  readonly life: Uint8Array;

  constructor(crypto: CryptoSuite, rng: RandomSource) {
    this.#crypto = crypto;
    this.#secret = rng.bytes(32);
    this.life = crypto.sha256(this.#secret).slice(0, LIFE_BYTES);
  }

  current(now: number): Uint8Array {
    return this.#token(epochOf(now));
  }

  accepts(token: Uint8Array, now: number): boolean {
    const epoch = epochOf(now);
    return equalBytes(token, this.#token(epoch)) || equalBytes(token, this.#token(epoch - 1));
  }

  #token(epoch: number): Uint8Array {
    const number = new Uint8Array(4);
    writeU32BE(number, 0, epoch >>> 0);
    return this.#crypto.sha256(concatBytes(this.#secret, number)).slice(0, TOKEN_BYTES);
  }
}

function epochOf(now: number): number {
  return Math.floor(now / TOKEN_EPOCH_MS);
}
