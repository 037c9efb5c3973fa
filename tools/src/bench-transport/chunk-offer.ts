import { Xid, PrincipalType } from 'xia-core';

/** A sealed chunk as its source tells of it on the control stream. */
export interface Offer {
  readonly cid: Xid;
  readonly tag: Uint8Array;
  readonly bytes: number;
}

const CID_BYTES = 20;
export const TAG_BYTES = 16;
const OFFER_BYTES = CID_BYTES + TAG_BYTES + 4;

export function encodeOffer({ cid, tag, bytes }: Offer): Uint8Array {
  const record = Buffer.alloc(OFFER_BYTES);
  record.set(cid.id);
  record.set(tag, CID_BYTES);
  record.writeUInt32BE(bytes, CID_BYTES + TAG_BYTES);
  return record;
}

/** Cuts offers out of a stream. */
export class OfferReader {
  #rest = Buffer.alloc(0);

  read(piece: Uint8Array): Offer[] {
    const offers: Offer[] = [];
    let bytes = Buffer.concat([this.#rest, piece]);
    for (; bytes.length >= OFFER_BYTES; bytes = bytes.subarray(OFFER_BYTES)) {
      offers.push({
        cid: new Xid(PrincipalType.CID, Uint8Array.from(bytes.subarray(0, CID_BYTES))),
        tag: Uint8Array.from(bytes.subarray(CID_BYTES, CID_BYTES + TAG_BYTES)),
        bytes: bytes.readUInt32BE(CID_BYTES + TAG_BYTES),
      });
    }
    this.#rest = bytes;
    return offers;
  }
}

/** The nonce of a chunk: its number, as in a migration. */
export function nonceOf(sequence: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(sequence, 6, 6);
  return nonce;
}

export const CHUNK_ALGORITHM = 'aes-256-gcm';
export const CHUNK_KEY_LABEL = 'xia transport benchmark';
export const CHUNK_KEY_BYTES = 32;
