import type { MessageFault } from '../wire/mobility-messages.js';
import type { StatementFault } from '../wire/statement.js';

/** Why the word of another router was not taken, before or after its signature was looked at. */
export type SpeakerFault = StatementFault | 'wrong-signer' | 'bad-certificate';

/** What happened, and why something was not done: every message that comes in is counted by one of these. */
export type RoutingCounter =
  | `message:${MessageFault | 'rate-limited' | 'not-neighbour'}`
  | `hello:${SpeakerFault | 'accepted' | 'sent' | 'own' | 'replayed' | 'stale-answer' | 'not-peer-face' | 'table-full'}`
  | `announcement:${SpeakerFault | 'accepted' | 'known' | 'old' | 'own' | 'own-ahead' | 'expired' | 'future' | 'foreign-hosts' | 'table-full'}`
  | `announcement:${'made' | 'sent' | 'retransmitted' | 'unanswered' | 'too-many-pending' | 'aged-out' | 'evicted'}`
  | `have:${'accepted' | 'sent'}`
  | `neighbour:${'up' | 'restarted' | 'silent' | 'deaf' | 'face-gone' | 'forgiven'}`
  | 'link:too-many'
  | `host:${'too-many' | 'elsewhere'}`
  | 'paths:computed';
