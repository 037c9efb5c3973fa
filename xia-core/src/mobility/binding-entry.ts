import type { Binding } from '../wire/mobility-statements.js';
import type { Xid } from '../xid/index.js';
import { overlaps, sameHop, type Hop } from './links.js';
import type { RouteState } from './route-state.js';

/** Hops replaced by later bindings that are still told of renewals. */
const MAX_FORMER_HOPS = 4;

/** A binding with the bytes that prove it to others. */
export interface BindingProof {
  readonly binding: Binding;
  readonly bindingBytes: Uint8Array;
  readonly ackBytes: Uint8Array;
}

/** A binding that this host has passed up and that the gateway has not answered yet. */
export interface Tentative {
  readonly binding: Binding;
  readonly bindingBytes: Uint8Array;
  readonly hop: Hop;
  readonly expiresAt: number;
}

/** A host's word that a HID is about to come to it. */
export interface Staged {
  /** Where it will come from; undefined at that host itself. */
  readonly hop: Hop | undefined;
  readonly sequence: number;
  readonly expiresAt: number;
}

/** Its packets wait. */
export interface Hold {
  readonly until: number;
  /** At the host: the gateway holds from now on, and gets what still comes here. */
  readonly towards: Hop | undefined;
}

/** What a node knows of one HID that was bound through it or patched into it. */
export interface BindingEntry {
  readonly hid: Xid;
  state: RouteState;
  /** The highest sequence accepted; 0 while there is only a tentative binding. */
  sequence: number;
  /** Where its packets go when live or draining; a held one whose machine is gone, or a draining one that lost its way, has none. */
  hop: Hop | undefined;
  /** The hop is the bound node itself, which nobody needs to tell where it has gone. */
  direct: boolean;
  /** When its binding was last passed on to others. */
  spreadAt: number;
  /** When the route dies (Infinity without a route). */
  expiresAt: number;
  /** When the entry is forgotten altogether: no statement of its sequences is believed by then. */
  forgetAt: number;
  proof: BindingProof | undefined;
  /** Hops that this entry pointed to before, the latest first. */
  formers: readonly Hop[];
  /** The way of a draining entry that was lost, and when. */
  lost: { readonly hop: Hop; readonly atMs: number } | undefined;
  tentative: Tentative | undefined;
  staged: Staged | undefined;
  hold: Hold | undefined;
  /** Bound here by a binding that it signed before it came: until it runs, and no longer than this, its packets wait. */
  awaitedUntil: number | undefined;
  /** Of the last notice that stopped or went on: an older one means nothing any more. */
  noticeSequence: number;
  /** Times of the latest changes of hop. */
  moves: readonly number[];
  frozenUntil: number;
}

export function newEntry(hid: Xid, now: number): BindingEntry {
  return {
    hid,
    state: 'base',
    sequence: 0,
    hop: undefined,
    direct: false,
    spreadAt: -Infinity,
    expiresAt: Infinity,
    forgetAt: now,
    proof: undefined,
    formers: [],
    lost: undefined,
    tentative: undefined,
    staged: undefined,
    hold: undefined,
    awaitedUntil: undefined,
    noticeSequence: 0,
    moves: [],
    frozenUntil: -Infinity,
  };
}

/** Where the entry's packets go now: an unanswered binding counts before the one that it would replace. */
export function effectiveHop(entry: BindingEntry): Hop | undefined {
  if (entry.tentative === undefined) return entry.hop;
  return entry.tentative.binding.lifetimeMs === 0 ? undefined : entry.tentative.hop;
}

/** Whether its packets wait: not while another binding than the one that stands still is followed. */
export function isHolding(entry: BindingEntry): boolean {
  return entry.state === 'held' && (entry.tentative === undefined || sameHop(entry.tentative.hop, entry.hop));
}

/** Whether nothing of it is worth remembering any more. */
export function isForgettable({ hop, tentative, staged, hold, forgetAt }: BindingEntry, now: number): boolean {
  return hop === undefined && tentative === undefined && staged === undefined && hold === undefined && forgetAt <= now;
}

/** The former hops after the entry turns to `next`. */
export function formersAfter(entry: BindingEntry, next: Hop | undefined): readonly Hop[] {
  const left = entry.hop === undefined || entry.direct || sameHop(entry.hop, next) ? [] : [entry.hop];
  const kept: Hop[] = [];
  for (const hop of [...left, ...entry.formers]) {
    if (next !== undefined && overlaps(hop, next)) continue;
    if (!kept.some((other) => overlaps(other, hop))) kept.push(hop);
  }
  return kept.slice(0, MAX_FORMER_HOPS);
}
