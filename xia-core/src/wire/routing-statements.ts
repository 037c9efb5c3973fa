import * as v from 'valibot';
import type { Identity } from '../xid/index.js';
import { adField, bytesField, hidField, wholeField } from './schema-fields.js';
import { MAX_STATEMENT_BYTES, STATEMENT_HEADER_BYTES, StatementKind, sealStatement } from './statement.js';

/**
 * The statements of routers to each other. A packet with either of them fits into 1280 bytes, whatever is in it, so that a
 * path which carries XIP at all carries them: hence the bounds on the lists.
 */

export const CHALLENGE_BYTES = 8;
/** Routers that one hello answers: as many as may be on one link. */
export const MAX_HEARD = 16;
export const MAX_FRAGMENT_LINKS = 24;
export const MAX_FRAGMENT_HOSTS = 20;
/** Fragments with a number below this have links, the others hosts. */
export const FIRST_HOST_FRAGMENT = 16;
export const MAX_FRAGMENT = 65_535;
export const MAX_LINK_COST = 65_535;
/** No hello asks for more patience than a minute, and no announcement to be kept for more than an hour. */
export const MAX_DEAD_MS = 60_000;
export const MAX_ANNOUNCEMENT_LIFETIME_MS = 3_600_000;

const certificateField = bytesField(STATEMENT_HEADER_BYTES + 1, MAX_STATEMENT_BYTES);
const intervalField = v.pipe(wholeField(MAX_DEAD_MS), v.minValue(1));

/** "I am on this link, and these I hear." Signed by the router's key, which the certificate inside ties to the AD. */
export const helloSchema = v.strictObject({
  ad: adField,
  hid: hidField,
  /** A number of this life of the router, larger than that of an earlier one if its clock moved forward. */
  instance: wholeField(),
  /** Grows with each hello of one life. */
  sequence: wholeField(),
  /** How often the router sends one. */
  helloMs: intervalField,
  /** After how long a silence it is to be taken for dead. */
  deadMs: intervalField,
  /** Random bytes of this hello, which those who heard it answer: an answer to them was made after it. */
  challenge: bytesField(CHALLENGE_BYTES, CHALLENGE_BYTES),
  /** The routers heard on this link, each with the challenge of the newest hello heard. */
  heard: v.pipe(v.array(v.strictTuple([hidField, bytesField(CHALLENGE_BYTES, CHALLENGE_BYTES)])), v.maxLength(MAX_HEARD)),
  certificate: certificateField,
});
export type Hello = v.InferOutput<typeof helloSchema>;

export function sealHello(hello: Hello, identity: Identity): Uint8Array {
  const { ad, hid, instance, sequence, helloMs, deadMs, challenge, heard, certificate } = hello;
  return sealStatement(
    StatementKind.HELLO,
    {
      ad: ad.id,
      hid: hid.id,
      instance,
      sequence,
      helloMs,
      deadMs,
      challenge,
      heard: heard.map(([router, theirs]) => [router.id, theirs]),
      certificate,
    },
    identity,
  );
}

/**
 * An announcement: one fragment of what a router has to say. Signed by the router's key. A fragment with neither links nor
 * hosts says that there is nothing in it any more.
 */
export const linkStateSchema = v.pipe(
  v.strictObject({
    ad: adField,
    router: hidField,
    fragment: wholeField(MAX_FRAGMENT),
    sequence: wholeField(),
    issuedMs: wholeField(),
    /** How long after `issuedMs` it may be believed. */
    lifetimeMs: v.pipe(wholeField(MAX_ANNOUNCEMENT_LIFETIME_MS), v.minValue(1)),
    /** Routers at the other ends of links that are up, each with the cost of sending there. */
    links: v.pipe(v.array(v.strictTuple([hidField, v.pipe(wholeField(MAX_LINK_COST), v.minValue(1))])), v.maxLength(MAX_FRAGMENT_LINKS)),
    /** Hosts that are reached through the router, each with the sequence of its binding. */
    hosts: v.pipe(v.array(v.strictTuple([hidField, wholeField()])), v.maxLength(MAX_FRAGMENT_HOSTS)),
    certificate: certificateField,
  }),
  v.check(({ fragment, links, hosts }) => (isHostFragment(fragment) ? links : hosts).length === 0),
);
export type LinkState = v.InferOutput<typeof linkStateSchema>;

export function isHostFragment(fragment: number): boolean {
  return fragment >= FIRST_HOST_FRAGMENT;
}

export function sealLinkState(announcement: LinkState, identity: Identity): Uint8Array {
  const { ad, router, fragment, sequence, issuedMs, lifetimeMs, links, hosts, certificate } = announcement;
  return sealStatement(
    StatementKind.LINK_STATE,
    {
      ad: ad.id,
      router: router.id,
      fragment,
      sequence,
      issuedMs,
      lifetimeMs,
      links: links.map(([hid, cost]) => [hid.id, cost]),
      hosts: hosts.map(([hid, binding]) => [hid.id, binding]),
      certificate,
    },
    identity,
  );
}
