import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LmdbRecordStore } from '../../xnameserver/src/xnameserver/lmdb-record-store.js';
import { MemoryRecordStore } from '../../xia-core/src/mobility/memory-record-store.js';
import type { RecordGetOutcome, RecordPutOutcome, RecordStore, StoredRecord } from '../../xia-core/src/mobility/record-store.js';
import { temporaryFolder } from './support.js';

const record = (sequence: number): StoredRecord => ({
  statement: new Uint8Array(120).fill(sequence),
  owner: new Uint8Array(20).fill(1),
  sequence,
  expiresMs: 1000 + sequence,
});

const put = (store: RecordStore, name: string, sequence: number, expected?: number): Promise<RecordPutOutcome> =>
  new Promise((resolve) => store.compareAndPut(name, record(sequence), expected, resolve));
const get = (store: RecordStore, name: string): Promise<RecordGetOutcome> => new Promise((resolve) => store.get(name, resolve));

/** What every record store does, whichever it is. */
describe.each([
  ['memory', async () => new MemoryRecordStore(2)],
  ['lmdb', async () => new LmdbRecordStore({ path: await temporaryFolder(), maxRecords: 2 })],
])('a record store in %s', (_kind, make) => {
  it('puts a record where the sequence is the expected one', async () => {
    const store = await make();
    expect(await get(store, 'a')).toBe('absent');
    expect(await put(store, 'a', 5)).toBe('committed');
    expect(await put(store, 'a', 6)).toBe('conflict');
    expect(await put(store, 'a', 6, 4)).toBe('conflict');
    expect(await get(store, 'a')).toEqual(record(5));
    expect(await put(store, 'a', 6, 5)).toBe('committed');
    expect(await get(store, 'a')).toEqual(record(6));
    expect(await put(store, 'b', 1, 1)).toBe('conflict');
  });

  it('lets one of two win that expect the same', async () => {
    const store = await make();
    await put(store, 'a', 1);
    expect((await Promise.all([put(store, 'a', 2, 1), put(store, 'a', 3, 1)])).toSorted()).toEqual(['committed', 'conflict']);
  });

  it('has room for so many names', async () => {
    const store = await make();
    expect(await Promise.all(['a', 'b', 'c'].map((name) => put(store, name, 1)))).toEqual(['committed', 'committed', 'full']);
    expect(await put(store, 'a', 2, 1)).toBe('committed');
  });
});

describe('the lmdb store', () => {
  it('has on disk what it called committed, without being closed', async () => {
    const folder = await temporaryFolder();
    await using store = new LmdbRecordStore({ path: join(folder, 'live'), maxRecords: 10 });
    expect(await put(store, 'a', 7)).toBe('committed');
    // What another process would find after a crash at this moment.
    await mkdir(join(folder, 'copy'));
    await copyFile(join(folder, 'live', 'data.mdb'), join(folder, 'copy', 'data.mdb'));
    await using copy = new LmdbRecordStore({ path: join(folder, 'copy'), maxRecords: 10 });
    expect(copy.read('a')).toEqual(record(7));
  });

  it('is found again, and lists its names in order and in pages', async () => {
    const path = await temporaryFolder();
    const first = new LmdbRecordStore({ path, maxRecords: 10 });
    for (const name of ['c', 'a', 'b']) await put(first, name, 1);
    await first.close();
    await using second = new LmdbRecordStore({ path, maxRecords: 10 });
    expect(second.size).toBe(3);
    expect([...second.entries('', 2)].map(([name]) => name)).toEqual(['a', 'b']);
    expect([...second.entries('b', 2)].map(([name]) => name)).toEqual(['c']);
  });

  it('says that it failed when it is closed', async () => {
    const faults: unknown[] = [];
    const store = new LmdbRecordStore({ path: await temporaryFolder(), maxRecords: 10, onFault: (error) => faults.push(error) });
    await store.close();
    expect(await get(store, 'a')).toBe('failed');
    expect(faults).toHaveLength(1);
  });
});
