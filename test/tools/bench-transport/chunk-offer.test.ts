import { describe, expect, it } from 'vitest';
import { PrincipalType, Xid } from 'xia-core';
import { encodeOffer, nonceOf, OfferReader } from '../../../tools/src/bench-transport/chunk-offer.js';

const offer = (fill: number, bytes: number) => ({
  cid: new Xid(PrincipalType.CID, new Uint8Array(20).fill(fill)),
  tag: new Uint8Array(16).fill(fill + 1),
  bytes,
});

describe('OfferReader', () => {
  it('gives offers whole, however the stream cuts them', () => {
    const offers = [offer(1, 960 * 1024), offer(3, 1), offer(5, 2 ** 31)];
    const stream = Buffer.concat(offers.map(encodeOffer));
    for (const step of [1, 7, 40, 41, stream.length]) {
      const reader = new OfferReader();
      const read = [];
      for (let at = 0; at < stream.length; at += step) read.push(...reader.read(stream.subarray(at, at + step)));
      expect(read.map(({ cid, tag, bytes }) => [cid.toString(), [...tag], bytes])).toEqual(
        offers.map(({ cid, tag, bytes }) => [cid.toString(), [...tag], bytes]),
      );
    }
  });
});

describe('nonceOf', () => {
  it('is the number of the chunk in twelve bytes', () => {
    expect(nonceOf(0x0102030405).toString('hex')).toBe('000000000000000102030405');
    expect(nonceOf(1).equals(nonceOf(2))).toBe(false);
  });
});
