import { equalBytes } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { recordSchema, type NameRecord } from '../wire/name-messages.js';
import { StatementKind, openStatement, type StatementFault } from '../wire/statement.js';
import { PrincipalType, type CryptoSuite } from '../xid/index.js';

export type RecordFault = StatementFault | 'wrong-signer';

export type VerifiedRecord =
  | { readonly ok: true; readonly record: NameRecord; /** 20 bytes: hash of the signing key. */ readonly owner: Uint8Array }
  | { readonly ok: false; readonly reason: RecordFault };

/** Checks a record's form and signature, and that its signer is the HID or a SID of the address that it gives out. */
export function verifyRecord(bytes: Uint8Array, crypto: CryptoSuite): VerifiedRecord {
  const opened = openStatement(bytes, StatementKind.RECORD, crypto, recordSchema);
  if (!opened.ok) return opened;
  if (!namesSigner(opened.value.dag, opened.signerId)) return { ok: false, reason: 'wrong-signer' };
  return { ok: true, record: opened.value, owner: opened.signerId };
}

function namesSigner(dag: Dag, signerId: Uint8Array): boolean {
  return dag.nodes.some(({ xid }) => (xid.type === PrincipalType.HID || xid.type === PrincipalType.SID) && equalBytes(xid.id, signerId));
}
