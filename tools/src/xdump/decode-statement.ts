import {
  beaconSchema,
  bindingAckSchema,
  bindingSchema,
  certificateSchema,
  decodeStrict,
  helloSchema,
  linkStateSchema,
  nodeCrypto,
  noticeSchema,
  openStatement,
  prepareSchema,
  recordSchema,
  relaySchema,
  STATEMENT_HEADER_BYTES,
  StatementKind,
  toHex,
  unpackBody,
} from 'xia-core';
import type { GenericSchema } from 'valibot';
import { toJsonValue, type JsonObject } from './json-value.js';

interface KnownKind {
  readonly name: string;
  readonly schema: GenericSchema;
}

const knownKinds: ReadonlyMap<number, KnownKind> = new Map<number, KnownKind>([
  [StatementKind.CERTIFICATE, { name: 'certificate', schema: certificateSchema }],
  [StatementKind.BEACON, { name: 'beacon', schema: beaconSchema }],
  [StatementKind.RELAY, { name: 'relay', schema: relaySchema }],
  [StatementKind.BINDING, { name: 'binding', schema: bindingSchema }],
  [StatementKind.BINDING_ACK, { name: 'binding-ack', schema: bindingAckSchema }],
  [StatementKind.RECORD, { name: 'record', schema: recordSchema }],
  [StatementKind.HELLO, { name: 'hello', schema: helloSchema }],
  [StatementKind.LINK_STATE, { name: 'link-state', schema: linkStateSchema }],
  [StatementKind.NOTICE, { name: 'notice', schema: noticeSchema }],
  [StatementKind.PREPARE, { name: 'prepare', schema: prepareSchema }],
]);

/** Statements inside of statements: a certificate in a beacon, and no deeper. */
const MAX_DEPTH = 2;

/** Whether bytes inside a message have the outer form of a statement: a kind, version 1, and more than a header. */
function looksLikeStatement(bytes: Uint8Array): boolean {
  return bytes.length > STATEMENT_HEADER_BYTES && bytes[0]! > 0 && bytes[0]! < 64 && bytes[1] === 1;
}

/**
 * A signed statement: `{statement, version, publicKey, signer, signature, signatureValid, body}`. `signer` is the 20-byte id of the key;
 * whether it is the one that may say so is not judged. Of a kind that is not known here the signature cannot be checked.
 */
function decodeStatement(bytes: Uint8Array, depth = 0): JsonObject {
  if (bytes.length <= STATEMENT_HEADER_BYTES) return { error: 'statement: truncated', bytes: toHex(bytes) };
  const kind = bytes[0]!;
  const known = knownKinds.get(kind);
  const publicKey = bytes.subarray(2, 34);
  const outer = {
    statement: known?.name ?? kind,
    version: bytes[1]!,
    publicKey: toHex(publicKey),
    signer: toHex(nodeCrypto.hash(publicKey)),
    signature: toHex(bytes.subarray(34, STATEMENT_HEADER_BYTES)),
  };
  const bodyBytes = bytes.subarray(STATEMENT_HEADER_BYTES);
  if (known === undefined) return { ...outer, ...genericBody(bodyBytes, depth) };
  const opened = openStatement(bytes, kind as StatementKind, nodeCrypto, known.schema);
  if (opened.ok) return { ...outer, signatureValid: true, body: withStatements(opened.value, depth) };
  if (opened.reason !== 'bad-signature') return { ...outer, error: `statement: ${opened.reason}`, bytes: toHex(bodyBytes) };
  const body = decodeStrict(bodyBytes, known.schema);
  return { ...outer, signatureValid: false, body: body.ok ? withStatements(body.value, depth) : undefined };
}

/** A msgpack map of no known schema, as `{body}` or `{error, bytes}`. */
export function genericBody(bytes: Uint8Array, depth = 0): JsonObject {
  const unpacked = unpackBody(bytes);
  if (!unpacked.ok) return { error: `msgpack: ${unpacked.reason}`, bytes: toHex(bytes) };
  return { body: withStatements(unpacked.value, depth) };
}

/** A body as a JSON value in which byte fields that are statements are decoded, too. */
export function withStatements(value: unknown, depth = 0): unknown {
  if (value instanceof Uint8Array && depth < MAX_DEPTH && looksLikeStatement(value)) return decodeStatement(value, depth + 1);
  if (Array.isArray(value)) return value.map((item) => withStatements(item, depth));
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withStatements(inner, depth)]));
  }
  return toJsonValue(value);
}
