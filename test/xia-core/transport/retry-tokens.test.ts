import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import { hmacSha256 } from '../../../xia-core/src/transport/hmac.js';
import { RETRY_TOKEN_LIFETIME_MS, RetryTokens } from '../../../xia-core/src/transport/retry-tokens.js';
import { Host, Network, sid } from './network.js';

const network = new Network(1);
const opener = { idHigh: 1, idLow: 2, service: sid('1'), source: new Host(network, 'a', 1).dag(sid('2')) };

describe('a retry token', () => {
  it('is good where it was made, for as long as it lives, across a change of the key', () => {
    for (const madeAtMs of [0, 12_345, 29_999, 31_000]) {
      const tokens = new RetryTokens(nodeCrypto, new SeededRandom(1));
      const token = tokens.make(opener, madeAtMs);
      expect(token).toHaveLength(20);
      expect(tokens.isGood(token, 0, opener, madeAtMs)).toBe(true);
      expect(tokens.isGood(token, 0, opener, madeAtMs + RETRY_TOKEN_LIFETIME_MS - 1000)).toBe(true);
      expect(tokens.isGood(token, 0, opener, madeAtMs + RETRY_TOKEN_LIFETIME_MS + 1)).toBe(false);
    }
  });

  it('is good for nobody and nothing else', () => {
    const tokens = new RetryTokens(nodeCrypto, new SeededRandom(1));
    const token = tokens.make(opener, 5000);
    const elsewhere = new Host(network, 'b', 2).dag(sid('2'));
    const others = [{ idHigh: 9 }, { idLow: 9 }, { service: sid('3') }, { source: elsewhere }];
    for (const other of others) expect(tokens.isGood(token, 0, { ...opener, ...other }, 5000)).toBe(false);
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice();
      changed[at]! ^= 1;
      expect(tokens.isGood(changed, 0, opener, 5000), `byte ${at}`).toBe(false);
    }
    expect(new RetryTokens(nodeCrypto, new SeededRandom(2)).isGood(token, 0, opener, 5000)).toBe(false);
  });

  it('of a time that is to come, or whose key is gone, is worth nothing', () => {
    const tokens = new RetryTokens(nodeCrypto, new SeededRandom(1));
    const token = tokens.make(opener, 40_000);
    expect(tokens.isGood(token, 0, opener, 39_000)).toBe(false);
    tokens.make(opener, 300_000);
    const old = new Uint8Array(20);
    old[3] = 280;
    expect(tokens.isGood(old, 0, opener, 300_000)).toBe(false);
  });
});

describe('the keyed hash', () => {
  it('is HMAC-SHA-256', () => {
    const rng = new SeededRandom(3);
    for (let length = 0; length <= 64; length += 8) {
      const [key, message] = [rng.bytes(length), rng.bytes(3 * length)];
      const expected = createHmac('sha256', key).update(message).digest();
      expect(Buffer.from(hmacSha256(nodeCrypto, key, message)).equals(expected)).toBe(true);
    }
  });
});
