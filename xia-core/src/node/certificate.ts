import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Certificate,
  Extension,
  Extensions,
  id_ce_keyUsage,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import type { Identity } from '../xid/index.js';

/** RFC 8410. */
const OID_ED25519 = '1.3.101.112';
const OID_COMMON_NAME = '2.5.4.3';

/** All the time that a certificate can express: nobody checks it, and a virtual machine's clock may be wrong. */
const NOT_BEFORE = new Date(Date.UTC(1950, 0, 1));
const NOT_AFTER = new Date(Date.UTC(9999, 11, 31, 23, 59, 59));

function memoryOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

function commonName(text: string): Name {
  const value = new AttributeValue({ utf8String: text });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: OID_COMMON_NAME, value })])]);
}

/**
 * A self-signed X.509 certificate (RFC 5280, RFC 8410) for the key of an identity, as PEM. It only carries the key into
 * TLS: the peer compares the key's hash and looks at nothing else. The same identity always gives the same certificate.
 */
export function selfSignedCertificate(identity: Identity): string {
  const algorithm = new AlgorithmIdentifier({ algorithm: OID_ED25519 });
  const name = commonName(`XIA ${Buffer.from(identity.id).toString('hex')}`);
  const usage = new OctetString(AsnConvert.serialize(new KeyUsage(KeyUsageFlags.digitalSignature)));
  const tbsCertificate = new TBSCertificate({
    version: Version.v3, // which TLS 1.3 asks for
    serialNumber: memoryOf(Uint8Array.of(1)),
    signature: algorithm,
    issuer: name,
    validity: new Validity({ notBefore: NOT_BEFORE, notAfter: NOT_AFTER }),
    subject: name,
    subjectPublicKeyInfo: new SubjectPublicKeyInfo({ algorithm, subjectPublicKey: memoryOf(identity.publicKey) }),
    extensions: new Extensions([new Extension({ extnID: id_ce_keyUsage, critical: true, extnValue: usage })]),
  });
  const signature = identity.sign(new Uint8Array(AsnConvert.serialize(tbsCertificate)));
  const certificate = new Certificate({ tbsCertificate, signatureAlgorithm: algorithm, signatureValue: memoryOf(signature) });
  const base64 = Buffer.from(AsnConvert.serialize(certificate)).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}
