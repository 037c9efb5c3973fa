import * as v from 'valibot';
import type { Xid } from '../xid/index.js';
import { MAX_RELAYS, noticeStatuses } from './mobility-statements.js';
import { encodeKindMessage } from './kind-message.js';
import { bytesField, hidField, wholeField } from './schema-fields.js';
import { MAX_STATEMENT_BYTES, STATEMENT_HEADER_BYTES, decodeStrict } from './statement.js';

/** First byte of a message to SID_BOOTSTRAP; a msgpack map follows. */
export const MobilityKind = {
  BEACON: 1,
  SOLICIT: 2,
  BINDING: 3,
  BINDING_ACK: 4,
  PATCH: 5,
  PATCH_ACK: 6,
  NOTICE: 7,
  NOTICE_ACK: 8,
  REDIRECT: 9,
  PREPARE: 10,
  PREPARED: 11,
} as const;
export type MobilityKind = (typeof MobilityKind)[keyof typeof MobilityKind];

export const MAX_MOBILITY_MESSAGE_BYTES = 2048;

const statementField = bytesField(STATEMENT_HEADER_BYTES + 1, MAX_STATEMENT_BYTES);

/** One statement per host on the way, the router's neighbour first. */
const relaysField = v.pipe(v.array(statementField), v.maxLength(MAX_RELAYS));
const beaconMessageSchema = v.strictObject({ beacon: statementField, relays: relaysField });
const solicitSchema = v.strictObject({ hid: hidField });
const bindingMessageSchema = v.strictObject({ binding: statementField });
const ackMessageSchema = v.strictObject({ ack: statementField, hid: hidField });
const patchSchema = v.strictObject({ binding: statementField, ack: statementField });
const redirectSchema = v.strictObject({ binding: statementField, ack: statementField });
const patchAckSchema = v.strictObject({ hid: hidField, sequence: wholeField() });
const noticeMessageSchema = v.strictObject({ notice: statementField });
const noticeAckSchema = v.strictObject({
  hid: hidField,
  /** The host that gave the notice. */
  host: hidField,
  sequence: wholeField(),
  status: v.picklist(noticeStatuses),
});

/** A beacon of where the guest may soon be, and its host's word that it is asked for. */
const prepareMessageSchema = v.strictObject({ prepare: statementField, beacon: statementField, relays: relaysField });
const preparedSchema = v.strictObject({ binding: statementField });

export type BeaconMessage = v.InferOutput<typeof beaconMessageSchema>;
export type SolicitMessage = v.InferOutput<typeof solicitSchema>;
export type BindingMessage = v.InferOutput<typeof bindingMessageSchema>;
export type BindingAckMessage = v.InferOutput<typeof ackMessageSchema>;
export type PatchMessage = v.InferOutput<typeof patchSchema>;
export type PatchAckMessage = v.InferOutput<typeof patchAckSchema>;
export type NoticeMessage = v.InferOutput<typeof noticeMessageSchema>;
export type NoticeAckMessage = v.InferOutput<typeof noticeAckSchema>;
export type RedirectMessage = v.InferOutput<typeof redirectSchema>;
export type PrepareMessage = v.InferOutput<typeof prepareMessageSchema>;
export type PreparedMessage = v.InferOutput<typeof preparedSchema>;

export type MobilityMessage =
  | ({ readonly kind: typeof MobilityKind.BEACON } & BeaconMessage)
  | ({ readonly kind: typeof MobilityKind.SOLICIT } & SolicitMessage)
  | ({ readonly kind: typeof MobilityKind.BINDING } & BindingMessage)
  | ({ readonly kind: typeof MobilityKind.BINDING_ACK } & BindingAckMessage)
  | ({ readonly kind: typeof MobilityKind.PATCH } & PatchMessage)
  | ({ readonly kind: typeof MobilityKind.PATCH_ACK } & PatchAckMessage)
  | ({ readonly kind: typeof MobilityKind.NOTICE } & NoticeMessage)
  | ({ readonly kind: typeof MobilityKind.NOTICE_ACK } & NoticeAckMessage)
  | ({ readonly kind: typeof MobilityKind.REDIRECT } & RedirectMessage)
  | ({ readonly kind: typeof MobilityKind.PREPARE } & PrepareMessage)
  | ({ readonly kind: typeof MobilityKind.PREPARED } & PreparedMessage);

export type MessageFault = 'truncated' | 'oversized' | 'unknown-kind' | 'bad-body' | 'unknown-key';

export type DecodedMessage<T> = { readonly ok: true; readonly message: T } | { readonly ok: false; readonly reason: MessageFault };

/** Decodes a datagram to SID_BOOTSTRAP. Statements inside are bytes still: nothing is believed yet. */
export function decodeMobilityMessage(payload: Uint8Array): DecodedMessage<MobilityMessage> {
  if (payload.length > MAX_MOBILITY_MESSAGE_BYTES) return { ok: false, reason: 'oversized' };
  if (payload.length < 2) return { ok: false, reason: 'truncated' };
  const body = payload.subarray(1);
  switch (payload[0]) {
    case MobilityKind.BEACON:
      return withKind(MobilityKind.BEACON, decodeStrict(body, beaconMessageSchema));
    case MobilityKind.SOLICIT:
      return withKind(MobilityKind.SOLICIT, decodeStrict(body, solicitSchema));
    case MobilityKind.BINDING:
      return withKind(MobilityKind.BINDING, decodeStrict(body, bindingMessageSchema));
    case MobilityKind.BINDING_ACK:
      return withKind(MobilityKind.BINDING_ACK, decodeStrict(body, ackMessageSchema));
    case MobilityKind.PATCH:
      return withKind(MobilityKind.PATCH, decodeStrict(body, patchSchema));
    case MobilityKind.PATCH_ACK:
      return withKind(MobilityKind.PATCH_ACK, decodeStrict(body, patchAckSchema));
    case MobilityKind.NOTICE:
      return withKind(MobilityKind.NOTICE, decodeStrict(body, noticeMessageSchema));
    case MobilityKind.NOTICE_ACK:
      return withKind(MobilityKind.NOTICE_ACK, decodeStrict(body, noticeAckSchema));
    case MobilityKind.REDIRECT:
      return withKind(MobilityKind.REDIRECT, decodeStrict(body, redirectSchema));
    case MobilityKind.PREPARE:
      return withKind(MobilityKind.PREPARE, decodeStrict(body, prepareMessageSchema));
    case MobilityKind.PREPARED:
      return withKind(MobilityKind.PREPARED, decodeStrict(body, preparedSchema));
    default:
      return { ok: false, reason: 'unknown-kind' };
  }
}

function withKind<K extends MobilityKind, T extends object>(
  kind: K,
  decoded: { ok: true; value: T } | { ok: false; reason: 'truncated' | 'bad-body' | 'unknown-key' },
): DecodedMessage<{ kind: K } & T> {
  return decoded.ok ? { ok: true, message: { kind, ...decoded.value } } : decoded;
}

export function encodeBeaconMessage({ beacon, relays }: BeaconMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.BEACON, { beacon, relays }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodeSolicit(hid: Xid): Uint8Array {
  return encodeKindMessage(MobilityKind.SOLICIT, { hid: hid.id }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodeBindingMessage({ binding }: BindingMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.BINDING, { binding }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodeBindingAckMessage({ ack, hid }: BindingAckMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.BINDING_ACK, { ack, hid: hid.id }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodePatch({ binding, ack }: PatchMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.PATCH, { binding, ack }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodePatchAck({ hid, sequence }: PatchAckMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.PATCH_ACK, { hid: hid.id, sequence }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodeNotice({ notice }: NoticeMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.NOTICE, { notice }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodeNoticeAck({ hid, host, sequence, status }: NoticeAckMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.NOTICE_ACK, { hid: hid.id, host: host.id, sequence, status }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodeRedirect({ binding, ack }: RedirectMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.REDIRECT, { binding, ack }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodePrepare({ prepare, beacon, relays }: PrepareMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.PREPARE, { prepare, beacon, relays }, MAX_MOBILITY_MESSAGE_BYTES);
}

export function encodePrepared({ binding }: PreparedMessage): Uint8Array {
  return encodeKindMessage(MobilityKind.PREPARED, { binding }, MAX_MOBILITY_MESSAGE_BYTES);
}
