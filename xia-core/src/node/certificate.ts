import { createHash, type X509Certificate } from 'node:crypto';
import type { Identity } from '../xid/index.js';

const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTF8: 0x0c,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
  VERSION: 0xa0,
  EXTENSIONS: 0xa3,
} as const;

const OID_ED25519 = Buffer.from('2b6570', 'hex');
const OID_COMMON_NAME = Buffer.from('550403', 'hex');
const OID_KEY_USAGE = Buffer.from('551d0f', 'hex');
/** A bit string of one bit: digitalSignature. */
const USAGE_DIGITAL_SIGNATURE = Buffer.from('03020780', 'hex');
const NO_UNUSED_BITS = Buffer.from([0]);

const RAW_KEY_BYTES = 32;
const ID_BYTES = 20;

/** One DER element; no part of a certificate of ours is longer than 65,535 bytes. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

/**
 * A self-signed X.509 certificate (RFC 5280, RFC 8410) for the key of an identity, as PEM.
 *
 * Everything but the key is a constant, so it is put together here: the certificate only carries the key into TLS.
 * Nobody checks its name or its dates, which span all time that it can express, because a virtual machine's clock may
 * be wrong; the peer compares the hash of the key. The same identity always gives the same certificate.
 */
export function selfSignedCertificate(identity: Identity): string {
  const algorithm = der(Tag.SEQUENCE, der(Tag.OID, OID_ED25519));
  const commonName = Buffer.from(`XIA ${Buffer.from(identity.id).toString('hex')}`, 'latin1');
  const name = der(Tag.SEQUENCE, der(Tag.SET, der(Tag.SEQUENCE, der(Tag.OID, OID_COMMON_NAME), der(Tag.UTF8, commonName))));
  const validity = der(
    Tag.SEQUENCE,
    der(Tag.UTC_TIME, Buffer.from('500101000000Z', 'latin1')), // UTCTime years from 50 on are 1950 and later
    der(Tag.GENERALIZED_TIME, Buffer.from('99991231235959Z', 'latin1')),
  );
  const keyUsage = der(
    Tag.SEQUENCE,
    der(Tag.OID, OID_KEY_USAGE),
    der(Tag.BOOLEAN, Buffer.from([0xff])),
    der(Tag.OCTET_STRING, USAGE_DIGITAL_SIGNATURE),
  );
  const signed = der(
    Tag.SEQUENCE,
    der(Tag.VERSION, der(Tag.INTEGER, Buffer.from([2]))), // v3, which TLS 1.3 asks for
    der(Tag.INTEGER, Buffer.from([1])), // serial number
    algorithm,
    name,
    validity,
    name,
    der(Tag.SEQUENCE, algorithm, der(Tag.BIT_STRING, NO_UNUSED_BITS, identity.publicKey)),
    der(Tag.EXTENSIONS, der(Tag.SEQUENCE, keyUsage)),
  );
  const signature = der(Tag.BIT_STRING, NO_UNUSED_BITS, identity.sign(signed));
  const base64 = der(Tag.SEQUENCE, signed, algorithm, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}

/** The XIA id of the key in a certificate: 20 bytes; undefined when it is not an Ed25519 key. */
export function certifiedId(certificate: X509Certificate): Uint8Array | undefined {
  const key = certificate.publicKey;
  if (key.asymmetricKeyType !== 'ed25519') return undefined;
  const spki = key.export({ format: 'der', type: 'spki' });
  const raw = spki.subarray(spki.length - RAW_KEY_BYTES);
  return new Uint8Array(createHash('sha256').update(raw).digest().subarray(0, ID_BYTES));
}
