import type { Dag } from '../dag/index.js';
import type { BindingStatus, NoticePhase, NoticeStatus } from '../wire/mobility-statements.js';
import type { MessageFault } from '../wire/mobility-messages.js';
import type { Xid } from '../xid/index.js';
import type { Hop } from './links.js';
import type { VerifyFault } from './verify.js';

/** Where a node is attached. */
export interface AttachmentInfo {
  readonly ad: Xid;
  /** The HID of the AD's router, the gateway. */
  readonly router: Xid;
  /** The HID of the directly attached node: the router, or a host in between. */
  readonly accessPoint: Xid;
  readonly nameServer: Dag | undefined;
  /** The least MTU of the way to the router, in bytes. */
  readonly mtu: number;
  /** Where everything goes that has no better route. */
  readonly hop: Hop;
}

export type MobilityEvent =
  /** This node is attached, for the first time or again after `detached`. */
  | { readonly kind: 'attached'; readonly attachment: AttachmentInfo }
  /** This node is attached somewhere else now. */
  | { readonly kind: 'moved'; readonly from: AttachmentInfo; readonly to: AttachmentInfo }
  /** A gateway refused this node's binding. It is tried again by itself. */
  | { readonly kind: 'refused'; readonly reason: BindingStatus; readonly attachment: AttachmentInfo }
  /** No beacon of the access point came for long, or the gateway stopped answering, or the node asked for it. */
  | { readonly kind: 'detached'; readonly attachment: AttachmentInfo }
  /** A node attached, renewed or (no hop) detached through this one. */
  | { readonly kind: 'bound'; readonly hid: Xid; readonly hop: Hop | undefined; readonly sequence: number; readonly turned: boolean }
  /** A node that was here, or on the way from here, is reached by another hop now. */
  | { readonly kind: 'patched'; readonly hid: Xid; readonly hop: Hop; readonly sequence: number; readonly turned: boolean }
  /** A binding was not renewed: its route is gone. */
  | { readonly kind: 'expired'; readonly hid: Xid }
  /** Alarm: a HID changed its place too often, and keeps the one that it has for a while. */
  | { readonly kind: 'frozen'; readonly hid: Xid; readonly moves: number }
  /** What became of a notice about a guest of this host. */
  | { readonly kind: 'noticed'; readonly hid: Xid; readonly phase: NoticePhase; readonly outcome: NoticeStatus | 'unanswered' }
  /** What became of the question to a guest of this host to sign a binding for elsewhere. */
  | { readonly kind: 'prepared'; readonly hid: Xid; readonly outcome: 'ok' | 'unanswered' }
  /** A host that this node sends to has moved, and is sent to where it is now. */
  | { readonly kind: 'redirected'; readonly hid: Xid; readonly ad: Xid; readonly sequence: number }
  /** Alarm: a guest that was given away still speaks here. `refused`: so many of its bindings so far. */
  | { readonly kind: 'fenced'; readonly hid: Xid; readonly hop: Hop; readonly refused: number }
  /** A neighbour did not answer a patch. */
  | { readonly kind: 'patch-failed'; readonly hid: Xid; readonly hop: Hop; readonly sequence: number };

/** Why something was not done; `<message kind>:<reason>`, or what was done. */
export type CounterName =
  | `message:${MessageFault | 'face-gone' | 'former-peer'}`
  | `beacon:${VerifyFault | 'accepted' | 'sent' | 'relayed' | 'greeted' | 'from-access' | 'from-myself' | 'not-wanted' | 'rate-limited' | 'replayed' | 'duplicate' | 'untrusted-ad' | 'too-many-relays'}`
  | `solicit:${'sent' | 'answered' | 'not-access' | 'rate-limited' | 'no-beacon'}`
  | `binding:${VerifyFault | BindingStatus | 'accepted' | 'repeated' | 'passed' | 'sent' | 'prepared' | 'retransmitted' | 'not-access' | 'own-hid' | 'wrong-gateway' | 'not-attached' | 'replayed' | 'fenced'}`
  | `ack:${VerifyFault | 'accepted' | 'prepared' | 'refused' | 'passed' | 'from-access' | 'unmatched' | 'rate-limited'}`
  | `patch:${VerifyFault | 'accepted' | 'duplicate' | 'stale' | 'sent' | 'retransmitted' | 'unanswered' | 'from-access' | 'rate-limited' | 'own-hid' | 'own-guest' | 'table-full' | 'too-many-pending'}`
  | `patch-ack:${'accepted' | 'unmatched'}`
  | `notice:${VerifyFault | Exclude<NoticeStatus, 'ok'> | 'accepted' | 'sent' | 'retransmitted' | 'not-access' | 'rate-limited' | 'wrong-gateway' | 'own-hid' | 'not-bound' | 'not-gateway' | 'stale'}`
  | `notice-ack:${'accepted' | 'unmatched' | 'from-access'}`
  | `prepare:${VerifyFault | 'sent' | 'retransmitted' | 'accepted' | 'repeated' | 'signed' | 'recalled' | 'stays' | 'from-access' | 'unmatched' | 'rate-limited' | 'not-my-host' | 'not-mine' | 'replayed' | 'from-myself' | 'untrusted-ad'}`
  | `prepared:${VerifyFault | 'sent' | 'accepted' | 'kept' | 'refused' | 'released' | 'repeated' | 'not-access' | 'rate-limited' | 'unmatched' | 'stale'}`
  | `redirect:${VerifyFault | 'sent' | 'unanswerable' | 'no-proof' | 'no-credit' | 'limited'}`
  | `redirect:${'accepted' | 'followed' | 'stale' | 'unsolicited' | 'old-binding' | 'own-hid' | 'detached' | 'rate-limited' | 'by-record' | 'failed'}`;
