import * as v from 'valibot';
import type { Identity } from '../xid/index.js';
import type { DecodedMessage } from './mobility-messages.js';
import { encodeKindMessage } from './kind-message.js';
import { bytesField, dagField, wholeField } from './schema-fields.js';
import { MAX_STATEMENT_BYTES, STATEMENT_HEADER_BYTES, StatementKind, decodeStrict, sealStatement } from './statement.js';

export const MAX_NAME_BYTES = 255;
export const MAX_NAME_MESSAGE_BYTES = 2048;
/** A record may be believed for a week at most. */
export const MAX_RECORD_TTL_MS = 7 * 86_400_000;

const NAME_PATTERN = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** Whether `name` is 1 to 255 bytes of lower-case labels (`a-z`, `0-9`, `_`, `-`) with dots between them. */
export function isName(name: string): boolean {
  return name.length <= MAX_NAME_BYTES && NAME_PATTERN.test(name);
}

const nameField = v.pipe(v.string(), v.maxLength(MAX_NAME_BYTES), v.regex(NAME_PATTERN));

/** name -> DAG, signed by the key of a HID or SID node of that DAG. */
export const recordSchema = v.strictObject({
  name: nameField,
  dag: dagField,
  sequence: wholeField(),
  /** Wall-clock milliseconds since 1970. */
  issuedMs: wholeField(),
  ttlMs: v.pipe(wholeField(MAX_RECORD_TTL_MS), v.minValue(1)),
});
export type NameRecord = v.InferOutput<typeof recordSchema>;

export function sealRecord(record: NameRecord, owner: Identity): Uint8Array {
  const { name, dag, sequence, issuedMs, ttlMs } = record;
  return sealStatement(StatementKind.RECORD, { name, dag: dag.wire, sequence, issuedMs, ttlMs }, owner);
}

/** First byte of a datagram to SID_NAME_SERVICE or of its answer; a msgpack map follows. */
export const NameKind = { REGISTER: 1, QUERY: 2, REPLY: 3 } as const;
export type NameKind = (typeof NameKind)[keyof typeof NameKind];

/** What the server says. `stale` and `ok` to a query carry the record that is stored. */
export const nameStatuses = ['ok', 'not-found', 'stale', 'not-owner', 'bad-signature', 'bad-record', 'expired', 'refused'] as const;
export type NameStatus = (typeof nameStatuses)[number];

const idField = wholeField(0xffff_ffff);
const recordField = bytesField(STATEMENT_HEADER_BYTES + 1, MAX_STATEMENT_BYTES);
const registerSchema = v.strictObject({ id: idField, record: recordField });
const querySchema = v.strictObject({ id: idField, name: nameField });
const replySchema = v.strictObject({
  id: idField,
  status: v.picklist(nameStatuses),
  record: v.exactOptional(recordField),
});

export type RegisterMessage = v.InferOutput<typeof registerSchema>;
export type QueryMessage = v.InferOutput<typeof querySchema>;
export type ReplyMessage = v.InferOutput<typeof replySchema>;

export type NameMessage =
  | ({ readonly kind: typeof NameKind.REGISTER } & RegisterMessage)
  | ({ readonly kind: typeof NameKind.QUERY } & QueryMessage)
  | ({ readonly kind: typeof NameKind.REPLY } & ReplyMessage);

/** Decodes a datagram of the name service; a record inside is bytes still. */
export function decodeNameMessage(payload: Uint8Array): DecodedMessage<NameMessage> {
  if (payload.length > MAX_NAME_MESSAGE_BYTES) return { ok: false, reason: 'oversized' };
  if (payload.length < 2) return { ok: false, reason: 'truncated' };
  const body = payload.subarray(1);
  switch (payload[0]) {
    case NameKind.REGISTER: {
      const decoded = decodeStrict(body, registerSchema);
      return decoded.ok ? { ok: true, message: { kind: NameKind.REGISTER, ...decoded.value } } : decoded;
    }
    case NameKind.QUERY: {
      const decoded = decodeStrict(body, querySchema);
      return decoded.ok ? { ok: true, message: { kind: NameKind.QUERY, ...decoded.value } } : decoded;
    }
    case NameKind.REPLY: {
      const decoded = decodeStrict(body, replySchema);
      return decoded.ok ? { ok: true, message: { kind: NameKind.REPLY, ...decoded.value } } : decoded;
    }
    default:
      return { ok: false, reason: 'unknown-kind' };
  }
}

export function encodeRegister({ id, record }: RegisterMessage): Uint8Array {
  return encodeKindMessage(NameKind.REGISTER, { id, record }, MAX_NAME_MESSAGE_BYTES);
}

export function encodeQuery({ id, name }: QueryMessage): Uint8Array {
  return encodeKindMessage(NameKind.QUERY, { id, name }, MAX_NAME_MESSAGE_BYTES);
}

export function encodeReply({ id, status, record }: ReplyMessage): Uint8Array {
  return encodeKindMessage(NameKind.REPLY, record === undefined ? { id, status } : { id, status, record }, MAX_NAME_MESSAGE_BYTES);
}
