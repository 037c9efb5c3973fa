import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveHop, isHolding, type BindingEntry } from '../../../xia-core/src/mobility/binding-entry.js';
import { BindingTable } from '../../../xia-core/src/mobility/binding-table.js';
import { sameHop, type Hop } from '../../../xia-core/src/mobility/links.js';
import type { Binding } from '../../../xia-core/src/wire/mobility-statements.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';

const MAX_ENTRIES = 8;
const LIFETIME_MS = 30_000;
const hids = Array.from({ length: 12 }, (_, index) => Xid.of(PrincipalType.HID, index.toString(16).padStart(40, '0')));
const ad = Xid.of(PrincipalType.AD, 'a'.repeat(40));
const nothing = new Uint8Array(0);

function bindingOf(hid: Xid, sequence: number, lifetimeMs: number): Binding {
  return { hid, ad, router: hids[0]!, sequence, issuedMs: 0, lifetimeMs, token: nothing, previousAds: [], accessPoint: hids[1]! };
}

/** A table and what it says of routes. */
class Watched {
  readonly routes = new Map<string, Hop | 'held'>();
  readonly table: BindingTable;
  now = 0;
  sequence = 0;

  constructor() {
    this.table = new BindingTable({
      maxEntries: MAX_ENTRIES,
      maxMoves: 3,
      onExpired: () => {},
      onAwake: () => {},
      routes: {
        set: (hid, hop) => void this.routes.set(hid.key, hop),
        delete: (hid) => void this.routes.delete(hid.key),
        hold: (hid) => void this.routes.set(hid.key, 'held'),
      },
    });
  }

  bind(hid: Xid, hop: Hop, patched: boolean, lifetimeMs: number): void {
    if (!this.table.hasRoomFor(hid, hop)) return;
    const proof = { binding: bindingOf(hid, ++this.sequence, lifetimeMs), bindingBytes: nothing, ackBytes: nothing };
    this.table.accept({ proof, hop, direct: false, patched, lifetimeMs }, this.now);
  }

  propose(hid: Xid, hop: Hop): void {
    if (!this.table.hasRoomFor(hid, hop)) return;
    const binding = bindingOf(hid, ++this.sequence, LIFETIME_MS);
    this.table.propose({ binding, bindingBytes: nothing, hop, expiresAt: this.now + 5000 }, this.now);
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (let next = this.table.nextTimeout(); next <= end; next = this.table.nextTimeout()) {
      this.now = Math.max(this.now, next);
      this.table.handleTimeout(this.now);
    }
    this.now = end;
  }

  check(): void {
    for (const entry of this.table.entries()) {
      expect(this.routes.get(entry.hid.key), entry.state).toEqual(isHolding(entry) ? 'held' : effectiveHop(entry));
      this.#checkState(entry);
    }
    const known = new Set([...this.table.entries()].map(({ hid }) => hid.key));
    for (const key of this.routes.keys()) expect(known.has(key), 'no route without an entry').toBe(true);
    for (const { used, bound } of this.table.gauges()) expect(used).toBeLessThanOrEqual(bound);
  }

  #checkState({ state, hop, staged, hold, sequence }: Readonly<BindingEntry>): void {
    expect(hold !== undefined, state).toBe(state === 'held');
    if (state === 'base') expect(hop === undefined && staged === undefined && sequence === 0).toBe(true);
    if (state === 'staged') expect(hop === undefined && staged !== undefined && sequence === 0).toBe(true);
    if (state === 'live') expect(hop).toBeDefined();
    if (state === 'ended') expect(hop).toBeUndefined();
  }
}

const hop = fc.record({ face: fc.constantFrom(1, 2), neighbour: fc.constantFrom(1, 2) });
const hid = fc.constantFrom(...hids);
const step = fc.oneof(
  fc.record({ do: fc.constant('bind' as const), hid, hop }),
  fc.record({ do: fc.constant('patch' as const), hid, hop }),
  fc.record({ do: fc.constant('detach' as const), hid, hop }),
  fc.record({ do: fc.constant('propose' as const), hid, hop }),
  fc.record({ do: fc.constant('refuse' as const), hid }),
  fc.record({ do: fc.constant('stage' as const), hid, hop, lifetimeMs: fc.constantFrom(0, 60_000) }),
  fc.record({ do: fc.constant('pause' as const), hid }),
  fc.record({ do: fc.constant('resume' as const), hid }),
  fc.record({ do: fc.constant('fail' as const), hop }),
  fc.record({ do: fc.constant('elsewhere' as const), hid }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(100, 4000, 40_000) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function perform(watched: Watched, made: Step): void {
  const { table } = watched;
  switch (made.do) {
    case 'bind':
      return watched.bind(made.hid, made.hop, false, LIFETIME_MS);
    case 'patch':
      return watched.bind(made.hid, made.hop, true, LIFETIME_MS);
    case 'detach':
      return watched.bind(made.hid, made.hop, false, 0);
    case 'propose':
      return watched.propose(made.hid, made.hop);
    case 'refuse':
      return table.reject(made.hid, table.get(made.hid)?.tentative?.binding.sequence ?? 0);
    case 'stage': {
      const before = [...watched.routes];
      table.stage(made.hid, made.hop, ++watched.sequence, made.lifetimeMs, watched.now);
      expect([...watched.routes], 'a notice turns no route').toEqual(before);
      return;
    }
    case 'pause':
      return void table.pause(made.hid, ++watched.sequence, watched.now + 5000);
    case 'resume':
      return table.resume(made.hid, ++watched.sequence);
    case 'fail':
      return table.faceRemoved(made.hop.face, 0, made.hop.neighbour);
    case 'elsewhere':
      return table.forgetPlace(made.hid, ++watched.sequence);
    case 'pass':
      return watched.pass(made.ms);
  }
}

describe('a table of bindings', () => {
  it('is never in two minds, whatever happens in whatever order, and forgets in the end', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const watched = new Watched();
        for (const made of steps) {
          perform(watched, made);
          watched.check();
        }
        watched.pass(5 * 60_000);
        expect([...watched.table.entries()]).toEqual([]);
        expect(watched.routes.size).toBe(0);
        expect(watched.table.nextTimeout()).toBe(Infinity);
      }),
      { numRuns: 200 },
    );
  });

  it('goes back to what was live when a held machine is not heard of, and to nothing when its wire is gone', () => {
    const here = { face: 1, neighbour: 1 };
    const watched = new Watched();
    watched.bind(hids[3]!, here, false, LIFETIME_MS);
    watched.table.pause(hids[3]!, 1, watched.now + 5000);
    watched.pass(4999);
    expect(watched.routes.get(hids[3]!.key)).toBe('held');
    watched.pass(1);
    expect(sameHop(watched.table.get(hids[3]!)?.hop, here)).toBe(true);
    expect(watched.routes.get(hids[3]!.key)).toEqual(here);
    watched.table.pause(hids[3]!, 2, watched.now + 5000);
    watched.table.faceRemoved(1, 0);
    expect(watched.routes.get(hids[3]!.key), 'still waited for').toBe('held');
    watched.pass(5000);
    expect(watched.table.get(hids[3]!)?.state).toBe('ended');
    expect(watched.routes.size).toBe(0);
  });
});
