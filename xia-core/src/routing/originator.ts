import { SequenceSource, equalBytes, type RandomSource } from '../bytes/index.js';
import {
  FIRST_HOST_FRAGMENT,
  MAX_FRAGMENT,
  MAX_FRAGMENT_HOSTS,
  MAX_FRAGMENT_LINKS,
  isHostFragment,
  sealLinkState,
} from '../wire/routing-statements.js';
import { announcementKey, type Announcement } from './database.js';
import { FragmentBook } from './fragment-book.js';
import type { LinkStateOptions } from './options.js';
import type { Timers } from './settings.js';

/** Changes that come closer together than this leave as one. */
const COALESCE_MS = 10;
/** So often somebody may know more of us than we do, as after a restart; then another node has our key. */
const HARMLESS_JUMPS = 3;
const ALARMED_PAUSE_MS = 1000;

interface OwnFragment {
  sequence: number;
  bytes: Uint8Array;
  refreshMs: number;
  jumps: number;
  jumpedMs: number;
  /** The highest sequence that was heard in our name. */
  jumpedPast: number;
}

export interface OriginatorOptions extends Pick<LinkStateOptions, 'ad' | 'hid' | 'identity' | 'certificate'> {
  readonly rng: RandomSource;
  readonly timers: Timers;
  readonly publish: (announcement: Announcement, now: number) => void;
  readonly onAlarm: (sequence: number) => void;
}

/** What this router announces: its links and hosts, cut in fragments, each made anew when it changes or gets old. */
export class Originator {
  readonly #options: OriginatorOptions;
  readonly #sequences = new SequenceSource();
  readonly links = new FragmentBook({ firstFragment: 0, maxFragments: FIRST_HOST_FRAGMENT, perFragment: MAX_FRAGMENT_LINKS });
  readonly hosts = new FragmentBook({
    firstFragment: FIRST_HOST_FRAGMENT,
    maxFragments: MAX_FRAGMENT + 1 - FIRST_HOST_FRAGMENT,
    perFragment: MAX_FRAGMENT_HOSTS,
  });
  readonly #fragments = new Map<number, OwnFragment>();
  #lastMs = -Infinity;
  #pausedUntilMs = -Infinity;

  constructor(options: OriginatorOptions) {
    this.#options = options;
    // Even a router without a neighbour says that it is there.
    this.links.dirty.add(0);
  }

  nextMs(): number {
    const isDirty = this.links.dirty.size > 0 || this.hosts.dirty.size > 0;
    if (isDirty) return Math.max(this.#lastMs + COALESCE_MS, this.#pausedUntilMs);
    let next = Infinity;
    for (const { refreshMs } of this.#fragments.values()) next = Math.min(next, refreshMs);
    return next;
  }

  /** Announces what changed or is old, if it is time. */
  run(now: number, wallNow: number): void {
    for (const [fragment, { refreshMs }] of this.#fragments) if (refreshMs <= now) this.#bookOf(fragment).dirty.add(fragment);
    if (this.nextMs() > now) return;
    for (const book of [this.links, this.hosts]) {
      for (const fragment of book.dirty) this.#announce(fragment, now, wallNow);
      book.dirty.clear();
    }
    this.#lastMs = now;
  }

  /** Whether what somebody has of us is what we said last, older, or newer than anything that we know of. */
  compare(fragment: number, sequence: number, bytes: Uint8Array): 'same' | 'older' | 'ahead' {
    const own = this.#fragments.get(fragment);
    if (own === undefined || sequence > own.sequence) return 'ahead';
    if (sequence < own.sequence) return 'older';
    return equalBytes(own.bytes, bytes) ? 'same' : 'ahead';
  }

  /** Somebody has a newer announcement in our name: of an earlier life, or by another node with our key. We go above it. */
  jumpPast(fragment: number, sequence: number, now: number): void {
    this.#sequences.skipPast(sequence);
    this.#bookOf(fragment).dirty.add(fragment);
    const own = this.#fragments.get(fragment);
    if (own === undefined || sequence <= own.jumpedPast) return;
    own.jumpedPast = sequence;
    own.jumps = now - own.jumpedMs > this.#options.timers.maxAgeMs ? 1 : own.jumps + 1;
    own.jumpedMs = now;
    if (own.jumps < HARMLESS_JUMPS) return;
    this.#pausedUntilMs = now + ALARMED_PAUSE_MS;
    this.#options.onAlarm(sequence);
  }

  #announce(fragment: number, now: number, wallNow: number): void {
    const { ad, hid, identity, certificate, rng, timers, publish } = this.#options;
    const contents = this.#bookOf(fragment)
      .contents(fragment)
      .map(([entry, value]): [typeof entry, number] => [entry, value]);
    const sequence = this.#sequences.next(wallNow);
    const body = {
      ad,
      router: hid,
      fragment,
      sequence,
      links: isHostFragment(fragment) ? [] : contents,
      hosts: isHostFragment(fragment) ? contents : [],
    };
    const issuedMs = Math.max(0, Math.floor(wallNow));
    const bytes = sealLinkState({ ...body, issuedMs, lifetimeMs: timers.maxAgeMs, certificate: certificate() }, identity);
    // An empty fragment is told once, and then forgotten by all; the first one keeps the router known.
    const isLasting = contents.length > 0 || fragment === 0;
    const refreshMs = isLasting ? now + timers.refreshMs * (0.9 + 0.1 * rng.unit()) : Infinity;
    const past = this.#fragments.get(fragment) ?? { jumps: 0, jumpedMs: -Infinity, jumpedPast: -Infinity };
    this.#fragments.set(fragment, { ...past, sequence, bytes, refreshMs });
    publish({ ...body, key: announcementKey(hid, fragment), bytes, heardMs: now, expiresMs: now + timers.maxAgeMs }, now);
  }

  #bookOf(fragment: number): FragmentBook {
    return isHostFragment(fragment) ? this.hosts : this.links;
  }
}
