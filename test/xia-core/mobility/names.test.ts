import { beforeEach, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { hostDag, serviceDag, type Dag } from '../../../xia-core/src/dag/index.js';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import { MemoryRecordStore } from '../../../xia-core/src/mobility/memory-record-store.js';
import { NameClient, type NameEvent } from '../../../xia-core/src/mobility/name-client.js';
import { NameServerCore } from '../../../xia-core/src/mobility/name-server.js';
import type { RecordPutOutcome, RecordStore, StoredRecord } from '../../../xia-core/src/mobility/record-store.js';
import {
  NameKind,
  decodeNameMessage,
  encodeQuery,
  encodeRegister,
  encodeReply,
  isName,
  sealRecord,
  type NameRecord,
  type ReplyMessage,
} from '../../../xia-core/src/wire/name-messages.js';
import type { Identity } from '../../../xia-core/src/xid/index.js';
import { PrincipalType, SID_NAME_SERVICE, Xid } from '../../../xia-core/src/xid/index.js';
import { adOf, hidOf, keys, WALL } from './support/bench.js';

const alice = keys.guest;
const mallory = keys.mallory;
const home = hostDag(adOf(keys.ad), hidOf(alice));
const away = hostDag(adOf(keys.otherAd), hidOf(alice));
const serverDag = serviceDag(adOf(keys.ad), hidOf(keys.host), SID_NAME_SERVICE);
const clientDag = hostDag(adOf(keys.ad), hidOf(keys.otherRouter));

function record(changes: Partial<NameRecord> = {}, owner: Identity = alice): Uint8Array {
  return sealRecord({ name: 'alice.example', dag: home, sequence: 10, issuedMs: WALL, ttlMs: 60_000, ...changes }, owner);
}

describe('a name', () => {
  it.each(['a', 'calc.xia', 'x-1_2.y', 'a'.repeat(255)])('may be %s', (name) => expect(isName(name)).toBe(true));
  it.each(['', '.', 'a..b', '.a', 'a.', 'A', 'a b', 'ä', 'a/b', 'a'.repeat(256)])('may not be %j', (name) =>
    expect(isName(name)).toBe(false),
  );
});

describe('a name server', () => {
  let replies: ReplyMessage[];
  let server: NameServerCore;
  const start = (store: RecordStore = new MemoryRecordStore()): void => {
    replies = [];
    server = new NameServerCore({
      crypto: nodeCrypto,
      store,
      send: (_destination, payload) => {
        const decoded = decodeNameMessage(payload);
        if (decoded.ok && decoded.message.kind === NameKind.REPLY) replies.push(decoded.message);
      },
    });
  };
  const register = (bytes: Uint8Array, wall = WALL): string | undefined => {
    server.handle(encodeRegister({ id: 1, record: bytes }), clientDag, 0, wall);
    return replies.at(-1)?.status;
  };
  const query = (name: string, wall = WALL): ReplyMessage | undefined => {
    server.handle(encodeQuery({ id: 2, name }), clientDag, 0, wall);
    return replies.at(-1);
  };

  beforeEach(() => start());

  it('gives out what was registered, as it was signed', () => {
    expect(query('alice.example')?.status).toBe('not-found');
    expect(register(record())).toBe('ok');
    expect(query('alice.example')).toMatchObject({ id: 2, status: 'ok', record: record() });
  });

  it('replaces a record by one of a higher sequence only', () => {
    register(record());
    expect(register(record({ dag: away, sequence: 11 }))).toBe('ok');
    expect(register(record({ sequence: 10 }))).toBe('stale');
    expect(replies.at(-1)?.record).toEqual(record({ dag: away, sequence: 11 }));
    expect(register(record({ sequence: 11 }))).toBe('stale');
    expect(register(record({ dag: away, sequence: 11 }))).toBe('ok');
    expect(query('alice.example')?.record).toEqual(record({ dag: away, sequence: 11 }));
  });

  it('keeps a name for the key that had it first, until long after it expired', () => {
    register(record());
    const theirs = record({ dag: hostDag(adOf(keys.ad), hidOf(mallory)), sequence: 99 }, mallory);
    expect(register(theirs)).toBe('not-owner');
    const later = WALL + 31 * 86_400_000;
    const fresh = record({ dag: hostDag(adOf(keys.ad), hidOf(mallory)), sequence: 99, issuedMs: later }, mallory);
    expect(register(fresh, later)).toBe('ok');
  });

  it('refuses what is wrong', () => {
    const forged = record();
    forged[50]! ^= 1;
    expect(register(forged)).toBe('bad-signature');
    expect(register(record({}, mallory))).toBe('bad-signature');
    expect(register(record({ issuedMs: WALL - 61_000 }))).toBe('expired');
    expect(register(record({ issuedMs: WALL + 31_000 }))).toBe('expired');
    expect(register(record().subarray(0, -1))).toBe('bad-record');
    expect(server.counters.toJSON()).toMatchObject({ 'record:bad-signature': 1, 'record:wrong-signer': 1, 'record:truncated': 1 });
    expect(query('alice.example')?.status).toBe('not-found');
  });

  it('does not give out an expired record', () => {
    register(record());
    expect(query('alice.example', WALL + 60_001)).toMatchObject({ status: 'expired' });
    expect(replies.at(-1)?.record).toBeUndefined();
  });

  it('drops what is no request', () => {
    server.handle(new Uint8Array(3000), clientDag, 0, WALL);
    server.handle(Uint8Array.of(2, 0x80), clientDag, 0, WALL);
    server.handle(encodeReply({ id: 1, status: 'ok' }), clientDag, 0, WALL);
    server.handle(Uint8Array.of(9, 0x80), clientDag, 0, WALL);
    expect(replies).toEqual([]);
    expect(server.counters.toJSON()).toEqual({
      'message:bad-body': 1,
      'message:oversized': 1,
      'message:unexpected': 1,
      'message:unknown-kind': 1,
    });
  });

  it('limits the requests of one sender', () => {
    for (let i = 0; i < 120; i++) query('alice.example');
    expect(replies).toHaveLength(100);
    expect(server.counters.get('message:rate-limited')).toBe(20);
  });

  it('limits the registrations of all senders together, who may be made up', () => {
    for (let sender = 0; sender < 2100; sender++) {
      const from = hostDag(undefined, new Xid(PrincipalType.HID, new SeededRandom(sender).bytes(20)));
      server.handle(encodeRegister({ id: 1, record: new Uint8Array(200) }), from, 0, WALL);
    }
    expect(server.counters.toJSON()).toMatchObject({ 'record:wrong-kind': 2000, 'message:overloaded': 100 });
    expect(server.gauges()).toContainEqual(expect.objectContaining({ name: 'request budgets', used: 2100, bound: 8192 }));
  });

  describe('with a store that takes its time', () => {
    const inner = new MemoryRecordStore();
    let commits: Array<() => void> = [];
    const slow: RecordStore = {
      get: (name, done) => inner.get(name, done),
      compareAndPut: (name, stored: StoredRecord, expected, done: (outcome: RecordPutOutcome) => void) => {
        commits.push(() => inner.compareAndPut(name, stored, expected, done));
      },
    };

    beforeEach(() => {
      commits = [];
      start(slow);
    });

    it('answers when the record is durable, not before', () => {
      register(record());
      expect(replies).toEqual([]);
      expect(server.pending).toBe(1);
      commits.shift()!();
      expect(replies.map(({ status }) => status)).toEqual(['ok']);
      expect(server.pending).toBe(0);
    });

    it('judges again when another registration got in between', () => {
      register(record({ sequence: 20 }));
      register(record({ sequence: 21, dag: away }));
      commits.pop()!();
      commits.shift()!();
      expect(replies.map(({ status }) => status)).toEqual(['ok', 'stale']);
    });

    it('drops requests that it has no room for', () => {
      for (let i = 0; i < 100; i++) register(record({ name: `n${i}` }));
      expect(server.pending).toBe(100);
      expect(replies).toEqual([]);
    });
  });
});

describe('a name client', () => {
  let sent: Array<{ destination: Dag; payload: Uint8Array }>;
  let events: NameEvent[];
  let changes: string[][];
  let client: NameClient;
  let server: NameServerCore;
  let nameServer: Dag | undefined;
  let now: number;

  beforeEach(() => {
    sent = [];
    events = [];
    changes = [];
    now = 0;
    nameServer = serverDag;
    client = new NameClient({
      crypto: nodeCrypto,
      rng: new SeededRandom(3),
      nameServer: () => nameServer,
      send: (destination, payload) => sent.push({ destination, payload }),
      onEvent: (event) => events.push(event),
      onChanged: (before, { dag }) => changes.push([before.toString(), dag.toString()]),
      maxCached: 2,
    });
    server = new NameServerCore({
      crypto: nodeCrypto,
      store: new MemoryRecordStore(),
      send: (_destination, payload) => client.handleReply(payload, now, WALL + now),
    });
  });

  const exchange = (): void => {
    for (const { payload } of sent.splice(0)) server.handle(payload, clientDag, now, WALL + now);
  };
  const pass = (durationMs: number): void => {
    const end = now + durationMs;
    while (client.nextTimeout() <= end) {
      now = Math.max(now, client.nextTimeout());
      client.handleTimeout(now);
    }
    now = end;
  };
  const register = (dag = home, ttlMs = 60_000): void =>
    client.register({ name: 'alice.example', dag, ttlMs, owner: alice }, 1, now, WALL + now);
  /** The id on the wire of the newest request. */
  const wireId = (): number => {
    const decoded = decodeNameMessage(sent.at(-1)!.payload);
    if (!decoded.ok || decoded.message.kind === NameKind.REPLY) throw new Error('not a request');
    return decoded.message.id;
  };

  it('registers and resolves', () => {
    register();
    exchange();
    client.query('alice.example', 2, now, WALL);
    expect(sent[0]!.destination).toBe(serverDag);
    exchange();
    expect(events).toMatchObject([
      { kind: 'registered', id: 1, name: 'alice.example' },
      { kind: 'resolved', id: 2, name: 'alice.example' },
    ]);
    expect(events[1]).toHaveProperty('dag', home);
  });

  it('answers from its cache until the record expires or is invalidated', () => {
    register();
    exchange();
    client.query('alice.example', 2, now, WALL);
    exchange();
    client.query('alice.example', 3, now, WALL);
    expect(events.at(-1)).toMatchObject({ kind: 'resolved', id: 3 });
    expect(sent).toEqual([]);
    client.invalidate('alice.example');
    client.query('alice.example', 4, now, WALL);
    expect(sent).toHaveLength(1);
    exchange();
    expect(client.cached('alice.example', WALL)).toEqual(home);
    expect(client.cached('alice.example', WALL + 60_001)).toBeUndefined();
  });

  describe('of a host that has moved', () => {
    const host = hidOf(alice);
    beforeEach(() => {
      register();
      exchange();
      client.query('alice.example', 2, now, WALL + now);
      exchange();
      now += 10;
    });

    it('asks anew, and gives out what it has meanwhile', () => {
      client.hostMoved(hidOf(mallory), now);
      expect(sent).toEqual([]);
      client.hostMoved(host, now);
      expect([sent.length, client.cached('alice.example', WALL + now)]).toEqual([1, home]);
      register(away);
      exchange();
      expect(client.cached('alice.example', WALL + now)?.equals(home)).toBe(true);
      now += 2000;
      client.hostMoved(host, now);
      exchange();
      expect(client.cached('alice.example', WALL + now)?.equals(away)).toBe(true);
      expect(changes).toEqual([[home.toString(), away.toString()]]);
    });

    it('asks anew when it does not answer, and gives out nothing until it knows', () => {
      client.hostFailed(host, now);
      expect([sent.length, client.cached('alice.example', WALL + now)]).toEqual([1, undefined]);
      exchange();
      expect(client.cached('alice.example', WALL + now)).toEqual(home);
    });

    it('asks for a name every two seconds at most, whatever it is told', () => {
      for (let n = 0; n < 100; n++) {
        client.hostFailed(host, now);
        exchange();
        now += 50;
      }
      expect(client.counters.get('cache:refreshed')).toBe(3);
    });
  });

  it('does not go back to an older record', () => {
    client.query('alice.example', 1, now, WALL);
    client.handleReply(encodeReply({ id: wireId(), status: 'ok', record: record({ sequence: 9, dag: away }) }), now, WALL);
    client.invalidate('alice.example');
    client.query('alice.example', 2, now, WALL);
    client.handleReply(encodeReply({ id: wireId(), status: 'ok', record: record({ sequence: 8 }) }), now, WALL);
    expect(client.counters.get('reply:older')).toBe(1);
    expect(events).toHaveLength(1);
  });

  it('goes on above the sequence of an earlier life', () => {
    server.handle(encodeRegister({ id: 0, record: record({ sequence: WALL + 5000 }) }), clientDag, 0, WALL);
    register(away);
    exchange();
    exchange();
    expect(events).toMatchObject([{ kind: 'registered', sequence: WALL + 5001 }]);
  });

  it('repeats with doubling pauses, and gives up after five seconds', () => {
    client.query('alice.example', 1, now, WALL);
    pass(4999);
    expect(sent).toHaveLength(6);
    expect(events).toEqual([]);
    pass(1);
    expect(events).toEqual([{ kind: 'failed', id: 1, name: 'alice.example', reason: 'timeout' }]);
    expect(client.nextTimeout()).toBe(Infinity);
  });

  it('waits for a name server to be known', () => {
    nameServer = undefined;
    client.query('alice.example', 1, now, WALL);
    pass(150);
    expect(sent).toEqual([]);
    nameServer = serverDag;
    pass(300);
    expect(sent).toHaveLength(1);
    nameServer = undefined;
    pass(5000);
    expect(events).toMatchObject([{ kind: 'failed', reason: 'no-server' }]);
  });

  it('does not believe a wrong answer, and waits for the right one', () => {
    client.query('alice.example', 1, now, WALL);
    const id = wireId();
    const forged = record();
    forged[50]! ^= 1;
    const reply = (bytes: Uint8Array, as = id): void => client.handleReply(encodeReply({ id: as, status: 'ok', record: bytes }), now, WALL);
    reply(forged);
    reply(record({}, mallory));
    reply(record({ name: 'bob.example' }));
    reply(record({ issuedMs: WALL - 100_000 }));
    reply(record(), id ^ 1);
    client.handleReply(encodeReply({ id, status: 'ok' }), now, WALL);
    client.handleReply(new Uint8Array(5), now, WALL);
    expect(events).toEqual([]);
    expect(client.counters.toJSON()).toEqual({
      'reply:bad-signature': 1,
      'reply:expired': 1,
      'reply:malformed': 2,
      'reply:other-name': 1,
      'reply:unmatched': 1,
      'reply:wrong-signer': 1,
      'request:sent': 1,
    });
    reply(record());
    expect(events).toMatchObject([{ kind: 'resolved', id: 1 }]);
  });

  it('passes refusals on, and cancels', () => {
    client.query('nobody', 1, now, WALL);
    exchange();
    expect(events).toEqual([{ kind: 'failed', id: 1, name: 'nobody', reason: 'not-found' }]);
    client.query('nobody', 2, now, WALL);
    client.cancel(2);
    pass(6000);
    expect(events).toHaveLength(1);
    expect(() => client.query('No Name', 3, now, WALL)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });

  it('has room for so many requests', () => {
    for (let id = 0; id <= 256; id++) client.query(`n${id}`, id, now, WALL);
    expect(events).toEqual([{ kind: 'failed', id: 256, name: 'n256', reason: 'too-many' }]);
  });
});
