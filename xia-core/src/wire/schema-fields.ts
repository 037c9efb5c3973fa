import * as v from 'valibot';
import { XiaError, copyBytes } from '../bytes/index.js';
import { Dag } from '../dag/index.js';
import { PrincipalType, Xid } from '../xid/index.js';

/** Bytes of a DAG node on the wire, and how many nodes a DAG inside a control message may have. */
const DAG_NODE_BYTES = 28;
const MAX_DAG_NODES = 20;

/** A byte field of `minimum` to `maximum` bytes, copied so that it does not hold the packet that it came in. */
export function bytesField(minimum: number, maximum: number) {
  return v.pipe(
    v.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length >= minimum && value.length <= maximum),
    v.transform((bytes: Uint8Array): Uint8Array => copyBytes(bytes)),
  );
}

/** A 20-byte identifier, read as an XID of the type that the field stands for. */
export function xidField(type: number) {
  return v.pipe(
    bytesField(20, 20),
    v.transform((id: Uint8Array) => new Xid(type, id)),
  );
}

export const adField = xidField(PrincipalType.AD);
export const hidField = xidField(PrincipalType.HID);

/** A DAG as its wire bytes: whole nodes, at most 20 of them, and a valid graph. */
export const dagField = v.pipe(
  bytesField(DAG_NODE_BYTES, DAG_NODE_BYTES * MAX_DAG_NODES),
  v.rawTransform<Uint8Array, Dag>(({ dataset, addIssue, NEVER }) => {
    const bytes = dataset.value;
    if (bytes.length % DAG_NODE_BYTES === 0) {
      try {
        return Dag.fromWire(bytes, 0, bytes.length / DAG_NODE_BYTES);
      } catch (error) {
        if (!(error instanceof XiaError)) throw error;
      }
    }
    addIssue({ message: 'not a DAG' });
    return NEVER;
  }),
);

/** A DAG, or no bytes for "none". */
export const optionalDagField = v.union([
  v.pipe(
    bytesField(0, 0),
    v.transform((): Dag | undefined => undefined),
  ),
  dagField,
]);

/** A count or time in milliseconds: a whole number from 0 to `maximum`. */
export function wholeField(maximum: number = Number.MAX_SAFE_INTEGER) {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(maximum));
}
