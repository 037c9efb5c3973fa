import { createHash, type X509Certificate } from 'node:crypto';
import type { Identity } from '../xid/index.js';
import { derBits, derElement, derExplicit, derInteger, derSequence, derSet, derText, DerText } from './der.js';

/** Tags that occur once in a certificate. */
const TAG = { BOOLEAN: 0x01, OCTETS: 0x04, OBJECT_ID: 0x06 } as const;
/** 1.3.101.112 (RFC 8410). */
const ED25519 = derSequence(derElement(TAG.OBJECT_ID, Uint8Array.of(0x2b, 0x65, 0x70)));
/** 2.5.4.3 */
const COMMON_NAME = derElement(TAG.OBJECT_ID, Uint8Array.of(0x55, 0x04, 0x03));
/** 2.5.29.15 */
const KEY_USAGE = derElement(TAG.OBJECT_ID, Uint8Array.of(0x55, 0x1d, 0x0f));
const TRUE = derElement(TAG.BOOLEAN, Uint8Array.of(0xff));
/** `digitalSignature`, the first of the usages, alone: seven bits of the byte say nothing. */
const MAY_SIGN = derElement(TAG.OCTETS, derBits(Uint8Array.of(0x80), 7));
/** Which TLS 1.3 asks for; it is counted from zero. */
const VERSION_3 = derExplicit(0, derInteger(2));
const EXTENSIONS = derExplicit(3, derSequence(derSequence(KEY_USAGE, TRUE, MAY_SIGN)));
/** All the time that a certificate can express, 1950 to 9999: nobody checks it, and a virtual machine's clock may be wrong. */
const VALIDITY = derSequence(derText(DerText.UTC_TIME, '500101000000Z'), derText(DerText.GENERALIZED_TIME, '99991231235959Z'));
const RAW_KEY_BYTES = 32;
const ID_BYTES = 20;

/**
 * A self-signed X.509 certificate (RFC 5280, RFC 8410) for the key of an identity, as PEM. It only carries the key into
 * TLS: the peer compares the key's hash and looks at nothing else. The same identity always gives the same certificate.
 */
export function selfSignedCertificate(identity: Identity): string {
  const text = derText(DerText.UTF8, `XIA ${Buffer.from(identity.id).toString('hex')}`);
  const name = derSequence(derSet(derSequence(COMMON_NAME, text)));
  const key = derSequence(ED25519, derBits(identity.publicKey));
  const signed = derSequence(VERSION_3, derInteger(1), ED25519, name, VALIDITY, name, key, EXTENSIONS);
  const certificate = derSequence(signed, ED25519, derBits(identity.sign(signed)));
  const base64 = Buffer.from(certificate).toString('base64');
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
