import { equalBytes } from '../bytes/index.js';
import { isSigned, signerIdOf, type StatementKind } from '../wire/statement.js';
import type { Xid } from '../xid/index.js';
import type { SpeakerFault } from './counter-names.js';
import type { LinkStateOptions } from './options.js';

/** What a statement of either kind says of who speaks. */
interface Speaker {
  readonly router: Xid;
  readonly ad: Xid;
  readonly certificate: Uint8Array;
}

/** Whether a statement's key may speak as that router of that AD. The cheap question comes first. */
export function speakerFault(
  { crypto, certified }: Pick<LinkStateOptions, 'crypto' | 'certified'>,
  statement: Uint8Array,
  kind: StatementKind,
  { router, ad, certificate }: Speaker,
  wallNow: number,
): SpeakerFault | undefined {
  if (!equalBytes(signerIdOf(statement, crypto), router.id)) return 'wrong-signer';
  if (!isSigned(statement, kind, crypto)) return 'bad-signature';
  const holder = certified(certificate, wallNow);
  return holder !== undefined && holder.ad.equals(ad) && holder.hid.equals(router) ? undefined : 'bad-certificate';
}
