import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { generateIdentity } from '../../../xia-core/src/io/keys.js';
import { selfSignedCertificate } from '../../../xia-core/src/node/certificate.js';
import { certifiedId } from '../../../xia-core/src/node/certified-id.js';

describe('selfSignedCertificate', () => {
  test('is an X.509 certificate that its own key signed', () => {
    const identity = generateIdentity();
    const certificate = new X509Certificate(selfSignedCertificate(identity));
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(identity.privateKey)).toBe(true);
    expect(certificate.subject).toBe(`CN=XIA ${Buffer.from(identity.id).toString('hex')}`);
    expect(certificate.issuer).toBe(certificate.subject);
  });

  test('carries the id of the key', () => {
    const identity = generateIdentity();
    expect(certifiedId(new X509Certificate(selfSignedCertificate(identity)))).toEqual(new Uint8Array(identity.id));
  });

  test('is valid whatever the clock says, and always the same', () => {
    const identity = generateIdentity();
    const certificate = new X509Certificate(selfSignedCertificate(identity));
    expect(new Date(certificate.validFrom).getUTCFullYear()).toBe(1950);
    expect(new Date(certificate.validTo).getUTCFullYear()).toBe(9999);
    expect(selfSignedCertificate(identity)).toBe(selfSignedCertificate(identity));
  });

  test('a certificate of another kind of key has no id', () => {
    const rsa = { publicKey: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey };
    expect(certifiedId(rsa as unknown as X509Certificate)).toBeUndefined();
  });
});
