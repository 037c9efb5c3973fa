import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../../xia-core/src/bytes/index.js';
import { serviceDag, type Dag } from '../../../xia-core/src/dag/index.js';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import { stateAddress, verifiedAddress } from '../../../xia-core/src/transport/address-statement.js';
import { StreamPacketView } from '../../../xia-core/src/wire/stream.js';
import { StreamPacketWriter } from '../../../xia-core/src/wire/stream-writer.js';
import { PrincipalType, Xid, type CryptoSuite, type Identity } from '../../../xia-core/src/xid/index.js';
import { fixedIdentity } from '../mobility/support/fixed-identity.js';
import { ad, sid } from './network.js';

const mover = fixedIdentity(1);
const mallory = fixedIdentity(66);
const hidOf = (identity: Identity): Xid => new Xid(PrincipalType.HID, identity.id);
const known = serviceDag(ad('a'), hidOf(mover), sid('1'));
const next = serviceDag(ad('b'), hidOf(mover), sid('1'));

/** The ids of one connection, as the mover and its peer see them. */
const ofMover = { localHigh: 1, localLow: 2, peerHigh: 3, peerLow: 4 };
const ofPeer = { localHigh: 3, localLow: 4, peerHigh: 1, peerLow: 2 };

function rebind(address: Dag = next, signer: Identity = mover, ids = ofMover): Uint8Array {
  const writer = new StreamPacketWriter();
  writer.beginData(3, 4, 7);
  writer.rebind(stateAddress(ids, 5, address, signer));
  return writer.finish().slice();
}

/** Where the peer of the connection would ask the mover to be, by a packet. */
function believed(packet: Uint8Array, crypto: CryptoSuite = nodeCrypto): Dag | undefined {
  const view = new StreamPacketView();
  if (view.reset(packet) !== undefined) return undefined;
  view.nextFrame();
  return verifiedAddress(view, ofPeer, known, crypto);
}

const credulous: CryptoSuite = { ...nodeCrypto, verify: () => true };
const mistaking: CryptoSuite = {
  ...nodeCrypto,
  hash: (data) => (equalBytes(data, mallory.publicKey) ? mover.id : nodeCrypto.hash(data)),
};

describe('an attack with a REBIND', () => {
  const genuine = rebind();
  const frameAt = 16;

  it('is needed: the genuine one is believed', () => {
    expect(believed(genuine)?.equals(next)).toBe(true);
  });

  it('forged: a signature that nobody made', () => {
    const forged = genuine.slice().fill(0x5a, frameAt + 40, frameAt + 104);
    expect(believed(forged)).toBeUndefined();
    expect(believed(forged, credulous)?.equals(next), 'without the look at the signature').toBe(true);
  });

  it('signed anew by another key', () => {
    const resigned = rebind(next, mallory);
    expect(believed(resigned)).toBeUndefined();
    expect(believed(resigned, mistaking)?.equals(next), 'without the look at who signed').toBe(true);
  });

  it('that was signed as a statement of another kind', () => {
    for (const name of ['binding', 'beacon', 'record', 'rebind']) {
      const domain = new TextEncoder().encode(`xia:${name}:v1\0`);
      const sign = (message: Uint8Array) => mover.sign(concatBytes(domain, message.subarray(message.indexOf(0) + 1)));
      expect(believed(rebind(next, { ...mover, sign })) !== undefined, name).toBe(name === 'rebind');
    }
  });

  it('of another connection of the same two hosts', () => {
    expect(believed(rebind(next, mover, { ...ofMover, peerLow: 9 }))).toBeUndefined();
    expect(believed(rebind(next, mover, { ...ofMover, localLow: 9 }))).toBeUndefined();
  });

  it('to a victim: the address of another host, or of another service', () => {
    expect(believed(rebind(serviceDag(ad('b'), hidOf(mallory), sid('1'))))).toBeUndefined();
    expect(believed(rebind(serviceDag(ad('b'), hidOf(mover), sid('2'))))).toBeUndefined();
  });

  it('cut at every length', () => {
    for (let length = 0; length < genuine.length; length++) expect(believed(genuine.subarray(0, length)), String(length)).toBeUndefined();
  });

  it('with a bit changed in any byte of the statement', () => {
    for (let at = frameAt; at < genuine.length; at++) {
      const changed = genuine.slice();
      changed[at]! ^= 1 << (at & 7);
      expect(believed(changed), `byte ${at - frameAt}`).toBeUndefined();
    }
  });
});
