import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evictionPolicies, evictionPolicyNames, type EvictionPolicyName } from '../../../xia-core/src/content/index.js';
import { GhostList } from '../../../xia-core/src/content/ghost-list.js';

const ENTRIES = 10;
const id = (n: number): Uint8Array => new Uint8Array(20).fill(n + 1);
/** Entries differ in size. */
const bytesOf = (n: number): number => 100 + 60 * (n % 4);

/** A policy over plain arrays, said as shortly as its paper says it. */
interface NaivePolicy {
  insert: (n: number) => void;
  use: (n: number) => void;
  remove: (n: number, evicted: boolean) => void;
  victim: () => number;
}

class NaiveList implements NaivePolicy {
  readonly #moves: boolean;
  #list: number[] = [];

  constructor(moves: boolean) {
    this.#moves = moves;
  }

  insert(n: number): void {
    this.#list.push(n);
  }

  use(n: number): void {
    if (this.#moves) this.#list = [...this.#list.filter((other) => other !== n), n];
  }

  remove(n: number): void {
    this.#list = this.#list.filter((other) => other !== n);
  }

  victim(): number {
    return this.#list[0] ?? -1;
  }
}

class NaiveS3Fifo implements NaivePolicy {
  #small: number[] = [];
  #main: number[] = [];
  #ghosts: number[] = [];
  readonly #uses = new Map<number, number>();

  insert(n: number): void {
    this.#uses.set(n, 0);
    if (this.#ghosts.includes(n)) this.#main.push(n);
    else this.#small.push(n);
    this.#ghosts = this.#ghosts.filter((other) => other !== n);
  }

  use(n: number): void {
    this.#uses.set(n, Math.min(3, this.#uses.get(n)! + 1));
  }

  remove(n: number, evicted: boolean): void {
    const wasSmall = this.#small.includes(n);
    this.#small = this.#small.filter((other) => other !== n);
    this.#main = this.#main.filter((other) => other !== n);
    if (wasSmall && evicted) this.#ghosts = [...this.#ghosts.filter((other) => other !== n), n].slice(-16);
  }

  victim(): number {
    for (;;) {
      const size = (list: number[]): number => list.reduce((sum, n) => sum + bytesOf(n), 0);
      const fromSmall = this.#small.length > 0 && size(this.#small) >= 0.1 * (size(this.#small) + size(this.#main));
      const n = (fromSmall ? this.#small : this.#main)[0];
      if (n === undefined) return -1;
      const uses = this.#uses.get(n)!;
      if (uses === 0) return n;
      if (fromSmall) this.#small.shift();
      else this.#main.shift();
      this.#main.push(n);
      this.#uses.set(n, fromSmall ? 0 : uses - 1);
    }
  }
}

const naive: Readonly<Record<EvictionPolicyName, () => NaivePolicy>> = {
  fifo: () => new NaiveList(false),
  lru: () => new NaiveList(true),
  's3-fifo': () => new NaiveS3Fifo(),
};

const step = fc.record({
  kind: fc.constantFrom('insert', 'insert', 'use', 'use', 'remove', 'evict'),
  n: fc.nat({ max: ENTRIES - 1 }),
});

describe('eviction policies', () => {
  it.each(evictionPolicyNames)('%s does what a list does', (name) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const policy = evictionPolicies[name]();
        const model = naive[name]();
        const held = new Set<number>();
        for (const { kind, n } of steps) {
          if (kind === 'insert' && !held.has(n)) {
            policy.inserted(n, id(n), bytesOf(n));
            model.insert(n);
            held.add(n);
          } else if (kind === 'use' && held.has(n)) {
            policy.used(n);
            model.use(n);
          } else if (kind === 'remove' && held.delete(n)) {
            policy.removed(n);
            model.remove(n, false);
          } else if (kind === 'evict' && held.size > 0) {
            const victim = policy.victim();
            expect(victim).toBe(model.victim());
            expect(policy.victim()).toBe(victim);
            policy.removed(victim);
            model.remove(victim, true);
            held.delete(victim);
          }
        }
        while (held.size > 0) {
          const victim = policy.victim();
          expect(victim).toBe(model.victim());
          expect(held.delete(victim)).toBe(true);
          policy.removed(victim);
          model.remove(victim, true);
        }
        expect(policy.victim()).toBe(-1);
      }),
      { numRuns: 300 },
    );
  });

  it('s3-fifo keeps what is used while a scan passes, and knows again what it let go too early', () => {
    const policy = evictionPolicies['s3-fifo']();
    for (let n = 0; n < ENTRIES; n++) policy.inserted(n, id(n), 100);
    policy.used(0);
    for (let scanned = ENTRIES; scanned < 50; scanned++) {
      const victim = policy.victim();
      expect(victim).not.toBe(0);
      policy.removed(victim);
      policy.inserted(victim, id(scanned), 100);
    }
    const last = policy.victim();
    policy.removed(last);
    // It comes back while it is remembered: this time it outlasts what is new.
    policy.inserted(last, id(49 - ENTRIES + 1), 100);
    expect(policy.victim()).not.toBe(last);
  });
});

describe('GhostList', () => {
  it('remembers the latest, and each until it is taken', () => {
    const ghosts = new GhostList();
    for (let n = 0; n < 30; n++) ghosts.add(id(n), 5);
    expect(ghosts.size).toBe(5);
    expect([24, 25, 25, 29].map((n) => ghosts.take(id(n)))).toEqual([false, true, false, true]);
  });
});
