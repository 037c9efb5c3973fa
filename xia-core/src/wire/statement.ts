import * as v from 'valibot';
import { XiaError, concatBytes } from '../bytes/index.js';
import type { CryptoSuite, Identity } from '../xid/index.js';
import { packBody, unpackBody } from './msgpack.js';

/**
 * Signed statements: whatever changes where traffic goes is one of these.
 *
 *     0      1        2           34          98
 *     +------+---------+-----------+-----------+----------------
 *     | kind | version | publicKey | signature | body (msgpack)
 *     +------+---------+-----------+-----------+----------------
 *
 * The signature (Ed25519) covers `"xia:<kind name>:v1" 0x00` and the body bytes exactly as sent, so that a statement of
 * one kind never passes for another, and no two encoders have to agree on a canonical form. A STREAM's REBIND frame is
 * signed in the same way under the tag `xia:rebind:v1`, in a layout of its own.
 */
export const StatementKind = {
  CERTIFICATE: 1,
  BEACON: 2,
  RELAY: 3,
  BINDING: 4,
  BINDING_ACK: 5,
  RECORD: 6,
  HELLO: 7,
  LINK_STATE: 8,
  NOTICE: 9,
  PREPARE: 10,
} as const;

export type StatementKind = (typeof StatementKind)[keyof typeof StatementKind];

const kindNames: Readonly<Record<StatementKind, string>> = {
  [StatementKind.CERTIFICATE]: 'certificate',
  [StatementKind.BEACON]: 'beacon',
  [StatementKind.RELAY]: 'relay',
  [StatementKind.BINDING]: 'binding',
  [StatementKind.BINDING_ACK]: 'binding-ack',
  [StatementKind.RECORD]: 'record',
  [StatementKind.HELLO]: 'hello',
  [StatementKind.LINK_STATE]: 'link-state',
  [StatementKind.NOTICE]: 'notice',
  [StatementKind.PREPARE]: 'prepare',
};

export const STATEMENT_VERSION = 1;
export const STATEMENT_HEADER_BYTES = 98;
/** The largest statement that is made or looked at, header included. */
export const MAX_STATEMENT_BYTES = 1536;

const KEY_OFFSET = 2;
const SIGNATURE_OFFSET = 34;

/** Why a statement was refused. Nothing of a refused statement is used. */
export const statementFaults = [
  'truncated',
  'oversized',
  'wrong-kind',
  'wrong-version',
  'bad-body',
  'unknown-key',
  'bad-signature',
] as const;

export type StatementFault = (typeof statementFaults)[number];

export type OpenedStatement<T> =
  | { readonly ok: true; readonly value: T; /** 20 bytes: hash of the signer's key. */ readonly signerId: Uint8Array }
  | { readonly ok: false; readonly reason: StatementFault };

const domains = new Map<StatementKind, Uint8Array>(Object.values(StatementKind).map((kind) => [kind, domainTag(kindNames[kind])]));

function domainTag(kindName: string): Uint8Array {
  const text = `xia:${kindName}:v${STATEMENT_VERSION}\0`;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * Signs a body. Byte arrays become msgpack bin, keys keep their order: the same key and body give the same bytes.
 * @throws XiaError `too-large` when the result is larger than MAX_STATEMENT_BYTES.
 */
export function sealStatement(kind: StatementKind, body: Readonly<Record<string, unknown>>, identity: Identity): Uint8Array {
  const bodyBytes = packBody(body);
  const total = STATEMENT_HEADER_BYTES + bodyBytes.length;
  if (total > MAX_STATEMENT_BYTES) {
    throw new XiaError('too-large', `a ${kindNames[kind]} of ${total} bytes is too large`, { kind, total });
  }
  const bytes = new Uint8Array(total);
  bytes[0] = kind;
  bytes[1] = STATEMENT_VERSION;
  bytes.set(identity.publicKey, KEY_OFFSET);
  bytes.set(identity.sign(concatBytes(domains.get(kind)!, bodyBytes)), SIGNATURE_OFFSET);
  bytes.set(bodyBytes, STATEMENT_HEADER_BYTES);
  return bytes;
}

/**
 * Checks a received statement: size, kind, version, strict body, signature. The caller still has to compare `signerId`
 * with the name that the body speaks for, and the sequence and times with what it knows.
 */
export function openStatement<Schema extends v.GenericSchema>(
  bytes: Uint8Array,
  kind: StatementKind,
  crypto: CryptoSuite,
  schema: Schema,
): OpenedStatement<v.InferOutput<Schema>> {
  const body = readStatement(bytes, kind, schema);
  if (!body.ok) return body;
  if (!isSigned(bytes, kind, crypto)) return { ok: false, reason: 'bad-signature' };
  return { ok: true, value: body.value, signerId: signerIdOf(bytes, crypto) };
}

/**
 * What a statement says, before anybody looked at its signature: for a reader that throws away what is old, which is cheap,
 * before it verifies, which is not. Nothing of it may be believed until {@link isSigned} agrees.
 */
export function readStatement<Schema extends v.GenericSchema>(
  bytes: Uint8Array,
  kind: StatementKind,
  schema: Schema,
): { readonly ok: true; readonly value: v.InferOutput<Schema> } | { readonly ok: false; readonly reason: StatementFault } {
  if (bytes.length > MAX_STATEMENT_BYTES) return { ok: false, reason: 'oversized' };
  if (bytes.length <= STATEMENT_HEADER_BYTES) return { ok: false, reason: 'truncated' };
  if (bytes[0] !== kind) return { ok: false, reason: 'wrong-kind' };
  if (bytes[1] !== STATEMENT_VERSION) return { ok: false, reason: 'wrong-version' };
  return decodeStrict(bytes.subarray(STATEMENT_HEADER_BYTES), schema);
}

/** Whether the signature of a statement that {@link readStatement} took is right for the key in it. */
export function isSigned(bytes: Uint8Array, kind: StatementKind, crypto: CryptoSuite): boolean {
  const publicKey = bytes.subarray(KEY_OFFSET, SIGNATURE_OFFSET);
  const signature = bytes.subarray(SIGNATURE_OFFSET, STATEMENT_HEADER_BYTES);
  return crypto.verify(publicKey, concatBytes(domains.get(kind)!, bytes.subarray(STATEMENT_HEADER_BYTES)), signature);
}

/** 20 bytes: the hash of the key in a statement. */
export function signerIdOf(bytes: Uint8Array, crypto: CryptoSuite): Uint8Array {
  return crypto.hash(bytes.subarray(KEY_OFFSET, SIGNATURE_OFFSET));
}

/** Decodes a msgpack map and holds it against a strict schema. */
export function decodeStrict<Schema extends v.GenericSchema>(
  bytes: Uint8Array,
  schema: Schema,
):
  | { readonly ok: true; readonly value: v.InferOutput<Schema> }
  | { readonly ok: false; readonly reason: 'truncated' | 'bad-body' | 'unknown-key' } {
  const body = unpackBody(bytes);
  if (!body.ok) return body;
  const checked = v.safeParse(schema, body.value);
  if (checked.success) return { ok: true, value: checked.output };
  const unknownKey = checked.issues.some((issue) => issue.type === 'strict_object' && issue.expected === 'never');
  return { ok: false, reason: unknownKey ? 'unknown-key' : 'bad-body' };
}
