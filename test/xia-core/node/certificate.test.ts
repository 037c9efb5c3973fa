import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { generateIdentity, identityFromPem } from '../../../xia-core/src/io/keys.js';
import { certifiedId, selfSignedCertificate } from '../../../xia-core/src/node/certificate.js';

/** A key of 32 sevens, and what another implementation of DER made of it. */
const SEVENS = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH
-----END PRIVATE KEY-----
`;
const CERTIFICATE_OF_SEVENS = `-----BEGIN CERTIFICATE-----
MIIBMDCB46ADAgECAgEBMAUGAytlcDA3MTUwMwYDVQQDDCxYSUEgZmU4MTJjMTJm
M2FiNGNlNmFjNWRiNjlhYzM1MmY5MDZjYjFiMTFlZjAgFw01MDAxMDEwMDAwMDBa
GA85OTk5MTIzMTIzNTk1OVowNzE1MDMGA1UEAwwsWElBIGZlODEyYzEyZjNhYjRj
ZTZhYzVkYjY5YWMzNTJmOTA2Y2IxYjExZWYwKjAFBgMrZXADIQDqSmxj4pxSCr71
UHsTLsX5lUd2rr6+e5JCHuppFEbSLKMSMBAwDgYDVR0PAQH/BAQDAgeAMAUGAytl
cANBAJQad4KB5hKlSJj8aE2sb4e8z96dc5w6xupk14/Zaiv1WN6zYbz2QN48gtb5
PrmNnSlFm7+bUCm397gd6W8OCAc=
-----END CERTIFICATE-----
`;

describe('selfSignedCertificate', () => {
  test('is what another implementation made of the same key', () => {
    expect(selfSignedCertificate(identityFromPem(SEVENS, 'sevens'))).toBe(CERTIFICATE_OF_SEVENS);
  });

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
