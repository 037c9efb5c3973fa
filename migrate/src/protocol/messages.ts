import * as v from 'valibot';
import { abortCodeNames } from './abort-code.js';
import { CID_BYTES, limitsSchema, TAG_BYTES } from './limits.js';

/** Protocol versions that this program speaks. Version 1 had the digest over the bytes of the stream, and no `pieces`. */
export const PROTOCOL_VERSIONS: readonly number[] = [2];

const MAX_VM_NAME_LENGTH = 64;
export const TRANSFER_ID_BYTES = 16;
const MAX_REASON_LENGTH = 512;
/** 2^48 - 1: more chunks and bytes than any VM, exact in a double. */
const MAX_COUNT = 0xffff_ffff_ffff;

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_COUNT));
const exactBytes = (length: number) =>
  v.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length, `not ${length} bytes`);

/** A VM's name: also part of a file name and of a shell command, hence the narrow alphabet. */
export const vmNameSchema = v.pipe(
  v.string(),
  v.maxLength(MAX_VM_NAME_LENGTH),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a VM name is letters, digits, ".", "_" and "-"'),
);

const hello = v.strictObject({
  type: v.literal('hello'),
  versions: v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))), v.minLength(1), v.maxLength(16)),
  role: v.picklist(['source', 'destination']),
  vm: vmNameSchema,
  transfer: exactBytes(TRANSFER_ID_BYTES),
  /** True when the source comes back on a new stream to finish a commit. */
  resume: v.boolean(),
  limits: limitsSchema,
});

const messageSchema = v.variant('type', [
  hello,
  v.strictObject({ type: v.literal('offer'), sequence: count, cid: exactBytes(CID_BYTES), tag: exactBytes(TAG_BYTES), length: count }),
  v.strictObject({
    type: v.literal('pieces'),
    sequence: count,
    list: v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes'),
  }),
  v.strictObject({ type: v.literal('ack'), sequence: count }),
  v.strictObject({ type: v.literal('done'), chunks: count, bytes: count, sha256: exactBytes(32) }),
  v.strictObject({ type: v.literal('received'), bytes: count, sha256: exactBytes(32) }),
  v.strictObject({ type: v.literal('committed') }),
  v.strictObject({ type: v.literal('taken') }),
  v.strictObject({ type: v.literal('alive') }),
  v.strictObject({
    type: v.literal('abort'),
    code: v.picklist(abortCodeNames),
    reason: v.pipe(v.string(), v.maxLength(MAX_REASON_LENGTH)),
  }),
]);

/** One message of the migration control protocol, checked. docs/migration-protocol.md says what each means. */
export type ControlMessage = v.InferOutput<typeof messageSchema>;
export type HelloMessage = v.InferOutput<typeof hello>;
export type DoneMessage = Extract<ControlMessage, { type: 'done' }>;
export type PiecesMessage = Extract<ControlMessage, { type: 'pieces' }>;
export type OfferMessage = Extract<ControlMessage, { type: 'offer' }>;

/** Checks a decoded value. Unknown keys, types and out-of-range figures are refused with the path of the first one. */
export function checkMessage(value: unknown): { ok: true; message: ControlMessage } | { ok: false; reason: string } {
  const result = v.safeParse(messageSchema, value, { abortEarly: true });
  if (result.success) return { ok: true, message: result.output };
  const issue = result.issues[0];
  return { ok: false, reason: `${v.getDotPath(issue) ?? 'message'}: ${issue.message}` };
}

/** Words for an ABORT, cut to what the other end accepts. */
export function abortReason(text: string): string {
  return text.length <= MAX_REASON_LENGTH ? text : `${text.slice(0, MAX_REASON_LENGTH - 1)}…`;
}

/** The highest version that both ends speak. */
export function agreeVersion(theirs: readonly number[], ours: readonly number[] = PROTOCOL_VERSIONS): number | undefined {
  return ours.filter((version) => theirs.includes(version)).toSorted((a, b) => b - a)[0];
}
