import { nodeCrypto, PrincipalType, verifyRecord, Xid, type StoredRecord } from 'xia-core';

/** A record as `xnameserver list` shows it. */
export interface RecordView {
  readonly name: string;
  readonly dag: string;
  /** The HID whose key signed it. */
  readonly owner: string;
  readonly sequence: number;
  /** Milliseconds until it expires; negative when it has. */
  readonly expiresInMs: number;
}

/** A stored record in readable form; undefined for one that does not hold what it should. */
export function recordView(name: string, stored: StoredRecord, wallNow: number): RecordView | undefined {
  const verified = verifyRecord(stored.statement, nodeCrypto);
  if (!verified.ok || verified.record.name !== name) return undefined;
  return {
    name,
    dag: verified.record.dag.toString(),
    owner: new Xid(PrincipalType.HID, verified.owner).toString(),
    sequence: stored.sequence,
    expiresInMs: stored.expiresMs - wallNow,
  };
}
