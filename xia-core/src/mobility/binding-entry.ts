import type { Binding } from '../wire/mobility-statements.js';
import type { Xid } from '../xid/index.js';
import { overlaps, sameHop, type Hop } from './links.js';

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

/** What a node knows of one HID that was bound through it or patched into it. */
export interface BindingEntry {
  readonly hid: Xid;
  /** The highest sequence accepted; 0 while there is only a tentative binding. */
  sequence: number;
  /** Where its packets go; undefined once detached, expired or its face is gone: then only the sequence is remembered. */
  hop: Hop | undefined;
  /** The hop is the bound node itself, which nobody needs to tell where it has gone. */
  direct: boolean;
  /** Told by a patch: who is bound is bound elsewhere, and other nodes may send its packets this way. */
  patched: boolean;
  /** When its binding was last passed on to others. */
  spreadAt: number;
  /** When the route dies (Infinity without a route). */
  expiresAt: number;
  /** When the entry is forgotten altogether: no statement of its sequences is believed by then. */
  forgetAt: number;
  proof: BindingProof | undefined;
  /** Hops that this entry pointed to before, the latest first. */
  formers: readonly Hop[];
  tentative: Tentative | undefined;
  /** Times of the latest changes of hop. */
  moves: readonly number[];
  frozenUntil: number;
}

export function newEntry(hid: Xid, now: number): BindingEntry {
  return {
    hid,
    sequence: 0,
    hop: undefined,
    direct: false,
    patched: false,
    spreadAt: -Infinity,
    expiresAt: Infinity,
    forgetAt: now,
    proof: undefined,
    formers: [],
    tentative: undefined,
    moves: [],
    frozenUntil: -Infinity,
  };
}

/** Where the entry's packets go now: an unanswered binding counts before the one that it would replace. */
export function effectiveHop(entry: BindingEntry): Hop | undefined {
  if (entry.tentative === undefined) return entry.hop;
  return entry.tentative.binding.lifetimeMs === 0 ? undefined : entry.tentative.hop;
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
