import { createHash, type X509Certificate } from 'node:crypto';

const RAW_KEY_BYTES = 32;
const ID_BYTES = 20;

/** The XIA id of the key in a certificate: 20 bytes; undefined when it is not an Ed25519 key. */
export function certifiedId(certificate: X509Certificate): Uint8Array | undefined {
  const key = certificate.publicKey;
  if (key.asymmetricKeyType !== 'ed25519') return undefined;
  const spki = key.export({ format: 'der', type: 'spki' });
  const raw = spki.subarray(spki.length - RAW_KEY_BYTES);
  return new Uint8Array(createHash('sha256').update(raw).digest().subarray(0, ID_BYTES));
}
