import { Dag, toHex, Xid } from 'xia-core';

/** A plain object that `JSON.stringify` takes. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A value read from a packet with its bytes as hexadecimal and its identifiers and addresses as text. */
export function toJsonValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (value instanceof Xid || value instanceof Dag) return value.toString();
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(toJsonValue);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJsonValue(inner)]));
  }
  return value;
}
