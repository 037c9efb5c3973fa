import { describe, expect, it } from 'vitest';
import { moveGroup } from '../../../migrate/src/group/index.js';

/** Moves that end when they are told to. */
class FakeMoves {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, (outcome: string) => void>();
  most = 0;

  readonly move = (name: string): Promise<string> => {
    this.begun.push(name);
    return new Promise((resolve) => {
      this.#ends.set(name, resolve);
      this.most = Math.max(this.most, this.#ends.size);
    });
  };

  async end(name: string, outcome = 'moved'): Promise<void> {
    const resolve = this.#ends.get(name);
    this.#ends.delete(name);
    resolve?.(outcome);
    await new Promise((done) => setImmediate(done));
  }
}

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const moved = (outcome: string) => outcome === 'moved';

describe('a group of moves', () => {
  it('makes as many at a time as it may, in their order', async () => {
    const fake = new FakeMoves();
    const group = moveGroup(NAMES, { concurrency: 2, onFailure: 'stop' }, fake.move, moved);
    expect(fake.begun).toEqual(['a', 'b']);
    await fake.end('b');
    expect(fake.begun).toEqual(['a', 'b', 'c']);
    for (const name of ['c', 'a', 'd', 'e']) await fake.end(name);
    expect([...(await group).keys()].toSorted()).toEqual(NAMES);
    expect(fake.most).toBe(2);
  });

  it('begins nothing more after a failure, and lets run what runs', async () => {
    const fake = new FakeMoves();
    const group = moveGroup(NAMES, { concurrency: 2, onFailure: 'stop' }, fake.move, moved);
    await fake.end('a', 'stays');
    await fake.end('b');
    expect(Object.fromEntries(await group)).toEqual({ a: 'stays', b: 'moved' });
    expect(fake.begun).toEqual(['a', 'b']);
  });

  it('goes on after a failure when it shall', async () => {
    const fake = new FakeMoves();
    const group = moveGroup(NAMES, { concurrency: 1, onFailure: 'continue' }, fake.move, moved);
    for (const name of NAMES) await fake.end(name, name === 'b' ? 'in doubt' : 'moved');
    expect(Object.fromEntries(await group)).toEqual({ a: 'moved', b: 'in doubt', c: 'moved', d: 'moved', e: 'moved' });
  });

  it('begins nothing more after Ctrl-C, and nothing at all before', async () => {
    const stop = new AbortController();
    const fake = new FakeMoves();
    const group = moveGroup(NAMES, { concurrency: 2, onFailure: 'continue', signal: stop.signal }, fake.move, moved);
    stop.abort();
    // Those that run end by their own signal.
    await fake.end('a', 'stays');
    await fake.end('b', 'stays');
    expect([...(await group).keys()]).toEqual(['a', 'b']);
    expect((await moveGroup(NAMES, { concurrency: 2, onFailure: 'stop', signal: stop.signal }, fake.move, moved)).size).toBe(0);
  });
});
