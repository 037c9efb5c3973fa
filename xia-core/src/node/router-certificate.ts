import { equalBytes, XiaError } from '../bytes/index.js';
import { nodeCrypto } from '../io/index.js';
import { certificateSchema, openStatement, StatementKind } from '../wire/index.js';
import { PrincipalType, type Identity, type Xid } from '../xid/index.js';

/**
 * The AD that a certificate lets a router speak for.
 * @throws XiaError `bad-key` when it is not one, or is for another router
 */
export function certifiedAd(certificate: Uint8Array, router: Identity): Xid {
  const opened = openStatement(certificate, StatementKind.CERTIFICATE, nodeCrypto, certificateSchema);
  if (!opened.ok) throw new XiaError('bad-key', `the AD's certificate is not valid: ${opened.reason}`, { reason: opened.reason });
  const { ad, hid } = opened.value;
  if (ad.type !== PrincipalType.AD || !equalBytes(opened.signerId, ad.id)) {
    throw new XiaError('bad-key', `the certificate for ${ad.toString()} is signed by another key`);
  }
  if (!equalBytes(hid.id, router.id))
    throw new XiaError('bad-key', `the certificate of ${ad.toString()} is for another router, ${hid.toString()}`);
  return ad;
}
