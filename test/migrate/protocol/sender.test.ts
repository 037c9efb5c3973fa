import { beforeEach, describe, expect, it } from 'vitest';
import { chunkRecord } from '../../../migrate/src/protocol/chunk-cipher.js';
import { encodeMessage, MessageReader } from '../../../migrate/src/protocol/codec.js';
import { Sender, type SenderEvent, type SenderSink } from '../../../migrate/src/protocol/index.js';
import type { ControlMessage } from '../../../migrate/src/protocol/messages.js';
import { cidOf, fakeCipher, sha256 } from './fake-crypto.js';

const transfer = new Uint8Array(16).fill(3);
const limits = { windowBytes: 4096, windowChunks: 4, maxChunkBytes: 1000 };
const hello: ControlMessage = { type: 'hello', versions: [2], role: 'destination', vm: 'vm1', transfer, resume: false, limits };

let sent: ControlMessage[];
let events: SenderEvent[];
let marks: string[];
let diskWorks: boolean;
let room: boolean;
let published: Set<string>;
let missing: string | undefined;
let sender: Sender;
let sink: SenderSink;

const say = (message: ControlMessage, now = 0) => sender.streamBytes(encodeMessage(message), now);
const types = () => sent.map((message) => message.type);
const outcome = () => events.find((event) => event.kind === 'finished')?.outcome;

beforeEach(() => {
  sent = [];
  events = [];
  marks = [];
  diskWorks = true;
  room = true;
  missing = undefined;
  published = new Set();
  const reader = new MessageReader();
  sink = {
    send(bytes) {
      reader.push(bytes);
      for (let next = reader.next(); next.kind === 'message'; next = reader.next()) sent.push(next.message);
    },
    publish(_sequence, sealed) {
      if (!room) return undefined;
      const cid = cidOf(sealed);
      published.add(Buffer.from(cid).toString('hex'));
      return cid;
    },
    unpublish: (cid) => void published.delete(Buffer.from(cid).toString('hex')),
    persist(mark) {
      if (diskWorks) marks.push(mark);
      return diskWorks;
    },
    onEvent: (event) => void events.push(event),
  };
  makeSender();
});

function makeSender(wanted?: typeof limits): void {
  const own = wanted === undefined ? {} : { limits: wanted };
  const cutting = { chunkBytes: 1000, flushAfterMs: 2 };
  sender = new Sender({ vm: 'vm1', transfer, cipher: fakeCipher, hash: sha256(), sink, missingHere: () => missing, ...cutting, ...own });
  sender.streamOpened(0);
  sent = [];
}

/** Everything up to the commit, with 10 bytes of input. */
function bringToDone(): void {
  say(hello);
  sender.input(new Uint8Array(10), 0);
  sender.inputEnded(0);
}

function received(): ControlMessage {
  const done = sent.find((message) => message.type === 'done')!;
  return { type: 'received', bytes: done.bytes, sha256: done.sha256 };
}

describe('the sender', () => {
  it('reads nothing before the destination has answered', () => {
    expect(sender.wantsInput).toBe(false);
    say(hello);
    expect(sender.wantsInput).toBe(true);
  });

  it('stops reading when the window is full and goes on when a chunk is acknowledged', () => {
    say(hello);
    while (sender.wantsInput) sender.input(new Uint8Array(700), 0);
    expect(sender.stats()).toMatchObject({ chunks: 4, windowBytes: 4000 });
    expect(published.size).toBe(4);
    say({ type: 'ack', sequence: 1 });
    expect(sender.stats()).toMatchObject({ chunks: 5, acknowledgedChunks: 2 });
    expect(published.size).toBe(3);
    expect(sender.wantsInput).toBe(true);
  });

  it('lets a chunk that is not full leave after 2 ms without input', () => {
    say(hello);
    sender.input(new Uint8Array(10), 5);
    expect(types()).toEqual([]);
    expect(sender.nextTimeout()).toBe(7);
    sender.handleTimeout(7);
    expect(types()).toEqual(['offer']);
  });

  it('does not take the time in which the window was full for a time without input', () => {
    say(hello);
    while (sender.wantsInput) sender.input(new Uint8Array(700), 0);
    const { chunks, pendingBytes } = sender.stats();
    expect(pendingBytes).toBeGreaterThan(1000);
    say({ type: 'ack', sequence: 2 }, 50);
    expect(sender.stats()).toMatchObject({ chunks: chunks + 1, pendingBytes: pendingBytes - 1000 });
    say({ type: 'ack', sequence: 4 }, 51);
    expect(sender.stats()).toMatchObject({ chunks: chunks + 1, windowBytes: 0 });
    expect(sender.nextTimeout()).toBe(52);
    sender.handleTimeout(52);
    expect(sender.stats()).toMatchObject({ chunks: chunks + 2, pendingBytes: 0 });
  });

  it('keeps a piece that is not full as long as the destination has enough to do', () => {
    say(hello);
    for (let chunk = 0; chunk < 3; chunk++) sender.input(new Uint8Array(1000), 0);
    sender.input(new Uint8Array(10), 0);
    expect(sender.nextTimeout()).toBeGreaterThan(2);
    say({ type: 'ack', sequence: 1 }, 50);
    expect(sender.stats()).toMatchObject({ chunks: 3, windowBytes: 1000, pendingBytes: 10 });
    say({ type: 'ack', sequence: 2 }, 60);
    expect(sender.stats()).toMatchObject({ chunks: 4, windowBytes: 10, pendingBytes: 0 });
  });

  it('says several offers together while the destination has enough to do, and one at once otherwise', () => {
    const wide = { windowBytes: 64_000, windowChunks: 1024, maxChunkBytes: 1000 };
    makeSender(wide);
    say({ ...hello, limits: wide });
    const offers = () => types().filter((type) => type === 'offer').length;
    for (let chunk = 1; chunk <= 16; chunk++) {
      sender.input(new Uint8Array(1000), 0);
      expect(offers()).toBe(chunk);
    }
    for (let chunk = 17; chunk <= 23; chunk++) sender.input(new Uint8Array(1000), 0);
    expect(offers()).toBe(16);
    sender.input(new Uint8Array(1000), 0);
    expect(offers()).toBe(24);
    sender.input(new Uint8Array(1000), 0);
    expect(offers()).toBe(24);
    say({ type: 'ack', sequence: 8 });
    expect(offers()).toBe(25);
    for (let chunk = 26; chunk <= 30; chunk++) sender.input(new Uint8Array(1000), 0);
    expect(offers()).toBeLessThan(30);
    sender.inputEnded(0);
    expect(types().slice(-2)).toEqual(['offer', 'done']);
    expect(offers()).toBe(30);
  });

  it('refuses an ACK of a chunk that it has not told of yet', () => {
    const wide = { windowBytes: 64_000, windowChunks: 1024, maxChunkBytes: 1000 };
    makeSender(wide);
    say({ ...hello, limits: wide });
    for (let chunk = 1; chunk <= 17; chunk++) sender.input(new Uint8Array(1000), 0);
    say({ type: 'ack', sequence: 16 });
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'protocol' });
  });

  it('lets the last piece and DONE leave at once', () => {
    bringToDone();
    expect(types()).toEqual(['offer', 'done']);
  });

  it('writes down that the VM is given up before it says so', () => {
    bringToDone();
    diskWorks = false;
    say(received());
    expect(types()).toEqual(['offer', 'done', 'abort']);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'state' });
  });

  it('finishes on TAKEN, and cannot abort after the commit', () => {
    bringToDone();
    say(received());
    expect(marks).toEqual(['handed-over']);
    expect(sender.abort('cancelled', 'late', 1)).toBe(false);
    say({ type: 'taken' });
    expect(outcome()).toMatchObject({ kind: 'handed-over', bytes: 10, chunks: 1 });
    expect(published.size).toBe(0);
  });

  it('takes the VM back when the destination aborts in the commit', () => {
    bringToDone();
    say(received());
    say({ type: 'abort', code: 'state', reason: 'disk full' });
    expect(marks).toEqual(['handed-over', 'running']);
    expect(outcome()).toMatchObject({ kind: 'aborted', by: 'peer' });
  });

  it('believes no ABORT of a stranger while in doubt', () => {
    bringToDone();
    say(received());
    sender.streamClosed('reset', 10);
    sender.handleTimeout(10);
    expect(events.at(-1)).toEqual({ kind: 'reconnect' });
    sender.streamOpened(20);
    say({ type: 'abort', code: 'refused', reason: 'no such transfer' }, 20);
    expect(outcome()).toBeUndefined();
    expect(marks).toEqual(['handed-over']);
    sender.handleTimeout(60_010);
    expect(outcome()).toMatchObject({ kind: 'in-doubt' });
  });

  it('says that the destination is silent in the commit, once, and asks no longer than that one may still be waiting', () => {
    bringToDone();
    say(received(), 100);
    const silences = () => events.filter(({ kind }) => kind === 'silent');
    for (let now = 1_000; now <= 6_000; now += 1_000) sender.handleTimeout(now);
    expect(silences()).toEqual([]);
    for (let now = 7_000; now < 30_000; now += 1_000) sender.handleTimeout(now);
    expect(silences()).toEqual([{ kind: 'silent', silentMs: 6_900 }]);
    for (const again of [30_100, 30_100]) sender.handleTimeout(again);
    expect(events.at(-1)).toEqual({ kind: 'reconnect' });
    // It has heard nothing since RECEIVED either: it misses us after 30 s, and waits for another 30 s.
    sender.handleTimeout(60_099);
    expect(outcome()).toBeUndefined();
    expect(sender.nextTimeout()).toBe(60_100);
    sender.handleTimeout(60_100);
    expect(outcome()).toMatchObject({ kind: 'in-doubt' });
  });

  it('stops when there is no room to publish', () => {
    say(hello);
    room = false;
    sender.input(new Uint8Array(1000), 0);
    expect(types()).toEqual(['abort']);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'publish-failed' });
  });

  it('says at the end which chunks it sent, in their order', () => {
    bringToDone();
    const offers = sent.filter((message) => message.type === 'offer');
    expect(offers).toHaveLength(1);
    const hash = sha256();
    for (const { sequence, length, cid, tag } of offers) hash.update(chunkRecord(sequence, length, cid, tag));
    expect(sent.at(-1)).toMatchObject({ type: 'done', chunks: 1, bytes: 10 });
    expect(Buffer.from((received() as { sha256: Uint8Array }).sha256).equals(hash.digest())).toBe(true);
  });

  it('refuses other bytes than it sent', () => {
    bringToDone();
    say({ type: 'received', bytes: 10, sha256: new Uint8Array(32) });
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'integrity' });
    expect(marks).toEqual([]);
  });

  it("takes an input that ends before QEMU's end marker for a failed migration", () => {
    say(hello);
    sender.input(Buffer.from('5145564d0000000301020304', 'hex'), 0);
    sender.inputEnded(0);
    expect(types()).toEqual(['abort']);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'truncated' });
  });

  it('gives up a silent destination, and says ALIVE meanwhile', () => {
    say(hello);
    sender.handleTimeout(2_000);
    expect(types()).toEqual(['alive']);
    sender.handleTimeout(30_000);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'peer-lost' });
  });

  it('says what is missing on its own side rather than that the destination is', () => {
    missing = "the source's XIA host at 127.0.0.1:7001 does not answer";
    say(hello);
    sender.handleTimeout(30_000);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'peer-lost', reason: missing });
  });

  it.each<[string, ControlMessage]>([
    ['an ACK of a chunk that was never offered', { type: 'ack', sequence: 0 }],
    ['TAKEN before the commit', { type: 'taken' }],
    ['RECEIVED before DONE', { type: 'received', bytes: 0, sha256: new Uint8Array(32) }],
    ['a second HELLO', hello],
  ])('aborts on %s', (_what, message) => {
    say(hello);
    say(message);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'protocol' });
  });

  it('refuses an answer for another VM and another version', () => {
    say({ ...hello, vm: 'vm2' });
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'protocol' });
  });
});
