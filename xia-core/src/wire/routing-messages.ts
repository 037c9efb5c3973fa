import * as v from 'valibot';
import { concatBytes } from '../bytes/index.js';
import type { Xid } from '../xid/index.js';
import { encodeKindMessage } from './kind-message.js';
import type { DecodedMessage } from './mobility-messages.js';
import { MAX_FRAGMENT } from './routing-statements.js';
import { hidField, wholeField } from './schema-fields.js';
import { decodeStrict } from './statement.js';

/** First byte of a message to SID_ROUTING. The statement itself follows, or for HAVE a msgpack map. */
export const RoutingKind = { HELLO: 1, LINK_STATE: 2, HAVE: 3 } as const;
export type RoutingKind = (typeof RoutingKind)[keyof typeof RoutingKind];

/** With the XIP and DGRAM headers around it, 1280 bytes. */
export const MAX_ROUTING_MESSAGE_BYTES = 1100;
/** How many announcements one HAVE speaks of. */
export const MAX_HAVE = 28;

const haveSchema = v.strictObject({
  /** Announcements that the sender has: router, fragment, sequence. */
  have: v.pipe(v.array(v.strictTuple([hidField, wholeField(MAX_FRAGMENT), wholeField()])), v.maxLength(MAX_HAVE)),
});

/** An announcement by its name: the sender has it, or one that is newer. */
export interface HaveEntry {
  readonly router: Xid;
  readonly fragment: number;
  readonly sequence: number;
}

export type RoutingMessage =
  | { readonly kind: typeof RoutingKind.HELLO | typeof RoutingKind.LINK_STATE; /** Not looked at yet. */ readonly statement: Uint8Array }
  | { readonly kind: typeof RoutingKind.HAVE; readonly have: readonly HaveEntry[] };

/** Decodes a datagram to SID_ROUTING. A statement inside is part of the payload still: nothing is believed yet. */
export function decodeRoutingMessage(payload: Uint8Array): DecodedMessage<RoutingMessage> {
  if (payload.length > MAX_ROUTING_MESSAGE_BYTES) return { ok: false, reason: 'oversized' };
  if (payload.length < 2) return { ok: false, reason: 'truncated' };
  const body = payload.subarray(1);
  switch (payload[0]) {
    case RoutingKind.HELLO:
      return { ok: true, message: { kind: RoutingKind.HELLO, statement: body } };
    case RoutingKind.LINK_STATE:
      return { ok: true, message: { kind: RoutingKind.LINK_STATE, statement: body } };
    case RoutingKind.HAVE: {
      const decoded = decodeStrict(body, haveSchema);
      if (!decoded.ok) return decoded;
      const have = decoded.value.have.map(([router, fragment, sequence]) => ({ router, fragment, sequence }));
      return { ok: true, message: { kind: RoutingKind.HAVE, have } };
    }
    default:
      return { ok: false, reason: 'unknown-kind' };
  }
}

/** A message that is one statement. */
export function encodeRoutingStatement(kind: typeof RoutingKind.HELLO | typeof RoutingKind.LINK_STATE, statement: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(kind), statement);
}

/** @throws XiaError `too-large` when there are more than {@link MAX_HAVE}. */
export function encodeHave(have: readonly HaveEntry[]): Uint8Array {
  const entries = have.map(({ router, fragment, sequence }) => [router.id, fragment, sequence]);
  return encodeKindMessage(RoutingKind.HAVE, { have: entries }, MAX_ROUTING_MESSAGE_BYTES);
}
