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

/**
 * What is said of bytes that cannot be read: why, or that the end of the packet is missing, which is no fault of the packet.
 * @param complete false when the end of the packet is missing
 */
export function unreadable(complete: boolean, reason: string, bytes: Uint8Array): JsonObject {
  return { ...(complete ? { error: reason } : { truncated: true }), bytes: toHex(bytes) };
}

/** A field as people read it. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}
