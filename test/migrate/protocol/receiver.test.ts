import { chunkRecord } from '../../../migrate/src/protocol/chunk-cipher.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeMessage, MessageReader } from '../../../migrate/src/protocol/codec.js';
import {
  Receiver,
  type OrderedChunk,
  type ReceiverEvent,
  type SealedChunk,
  type TransferLimits,
} from '../../../migrate/src/protocol/index.js';
import type { ControlMessage } from '../../../migrate/src/protocol/messages.js';
import { cidOf, fakeCipher, sha256 } from './fake-crypto.js';

const transfer = new Uint8Array(16).fill(3);
const limits = { windowBytes: 2048, windowChunks: 8, maxChunkBytes: 1000 };
const hello: ControlMessage = { type: 'hello', versions: [1, 2], role: 'source', vm: 'vm1', transfer, resume: false, limits };

let sent: ControlMessage[];
let events: ReceiverEvent[];
let marks: string[];
let fetched: number[];
let emitted: OrderedChunk[];
let diskWorks: boolean;
let failsAt: string;
let missing: string | undefined;
let receiver: Receiver;

const say = (message: ControlMessage, now = 0) => receiver.streamBytes(encodeMessage(message), now);
const types = () => sent.map((message) => message.type);
const outcome = () => events.find((event) => event.kind === 'finished')?.outcome;

function start(ownLimits: TransferLimits, loadsFirst = false): void {
  sent = [];
  events = [];
  marks = [];
  fetched = [];
  emitted = [];
  diskWorks = true;
  failsAt = '';
  missing = undefined;
  const reader = new MessageReader();
  receiver = new Receiver({
    vm: 'vm1',
    cipher: fakeCipher,
    hash: sha256(),
    limits: ownLimits,
    holdBackBytes: 100,
    loadsFirst,
    maxFetches: 2,
    missingHere: () => missing,
    sink: {
      send(bytes) {
        reader.push(bytes);
        for (let next = reader.next(); next.kind === 'message'; next = reader.next()) sent.push(next.message);
      },
      fetch: (sequence) => void fetched.push(sequence),
      emit: (chunk) => void emitted.push(chunk),
      persist(mark) {
        const works = diskWorks && mark !== failsAt;
        if (works) marks.push(mark);
        return works;
      },
      onEvent: (event) => void events.push(event),
    },
  });
  receiver.streamOpened(0);
}

beforeEach(() => start(limits));

const chunks = [new Uint8Array(80).fill(1), new Uint8Array(90).fill(2), new Uint8Array(60).fill(3)];
const sealed = chunks.map((chunk, sequence) => fakeCipher.seal(sequence, chunk));

function offerOf(sequence: number, { ciphertext, tag }: SealedChunk): ControlMessage {
  return { type: 'offer', sequence, cid: cidOf(ciphertext), tag, length: ciphertext.length };
}

function offerAll(): void {
  say(hello);
  sealed.forEach((chunk, sequence) => say(offerOf(sequence, chunk)));
}

/** DONE over records of these chunks, each a place and what lies there. */
function done(records: readonly (readonly [number, number])[] = [...sealed.keys()].map((place) => [place, place])): ControlMessage {
  const hash = sha256();
  for (const [place, index] of records) {
    const { ciphertext, tag } = sealed[index]!;
    hash.update(chunkRecord(place, ciphertext.length, cidOf(ciphertext), tag));
  }
  return { type: 'done', chunks: 3, bytes: 230, sha256: hash.digest() };
}

function bringToReceived(): void {
  offerAll();
  say(done());
  for (const sequence of [0, 1, 2]) receiver.chunkArrived(sequence, sealed[sequence]!.ciphertext, 0);
}

describe('the receiver', () => {
  it('fetches a bounded number of chunks at once', () => {
    offerAll();
    expect(fetched).toEqual([0, 1]);
    receiver.chunkArrived(1, sealed[1]!.ciphertext, 0);
    expect(fetched).toEqual([0, 1, 2]);
  });

  it('hands on in order whatever order chunks come in, and keeps the end back', () => {
    offerAll();
    receiver.chunkArrived(1, sealed[1]!.ciphertext, 0);
    expect(emitted).toEqual([]);
    receiver.chunkArrived(0, sealed[0]!.ciphertext, 0);
    expect(emitted).toEqual([]);
    receiver.chunkArrived(2, sealed[2]!.ciphertext, 0);
    expect(emitted.map((chunk) => chunk.sequence)).toEqual([0]);
  });

  it('acknowledges what was handed on or fits the held-back part', () => {
    say(hello);
    const big = new Uint8Array(1000).fill(5);
    const all = [0, 1].map((sequence) => fakeCipher.seal(sequence, big));
    all.forEach((chunk, sequence) => say(offerOf(sequence, chunk)));
    receiver.chunkArrived(0, all[0]!.ciphertext, 0);
    receiver.chunkArrived(1, all[1]!.ciphertext, 0);
    expect(sent.at(-1)).toEqual({ type: 'ack', sequence: 0 });
    receiver.handedOn(emitted[0]!, 0);
    expect(sent.at(-1)).toEqual({ type: 'ack', sequence: 1 });
  });

  it('acknowledges in parts of the window that both ends have', () => {
    start({ windowBytes: 1_000_000, windowChunks: 64, maxChunkBytes: 1000 });
    say({ ...hello, limits: { windowBytes: 1600, windowChunks: 64, maxChunkBytes: 1000 } });
    const small = [0, 1, 2, 3].map((sequence) => fakeCipher.seal(sequence, new Uint8Array(60).fill(9)));
    for (const [sequence, chunk] of small.entries()) {
      say(offerOf(sequence, chunk));
      receiver.chunkArrived(sequence, chunk.ciphertext, 0);
    }
    const acks = sent.flatMap((message) => (message.type === 'ack' ? [message.sequence] : []));
    expect(acks).toEqual([1, 3]);
  });

  it('lets the end go only after COMMITTED, TAKEN first, and the mark before both', () => {
    bringToReceived();
    expect(types().at(-1)).toBe('received');
    expect(emitted).toHaveLength(1);
    say({ type: 'committed' });
    expect(marks).toEqual(['receiving', 'received', 'running']);
    expect(types().at(-1)).toBe('taken');
    expect(emitted).toHaveLength(3);
    receiver.handedOn(emitted[2]!, 0);
    expect(outcome()).toMatchObject({ kind: 'taken', bytes: 230, chunks: 3 });
  });

  it('does not take what it cannot write down', () => {
    bringToReceived();
    diskWorks = false;
    say({ type: 'committed' });
    // Nor does it say that it never will: it may be written for all that it knows.
    expect(types().at(-1)).toBe('received');
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'state', isUnwritten: true });
    expect(emitted).toHaveLength(1);
  });

  it('gives up when the source is not heard of again, and writes that down first', () => {
    bringToReceived();
    receiver.streamClosed('reset', 5);
    expect(outcome()).toBeUndefined();
    receiver.handleTimeout(30_005);
    expect(marks.at(-1)).toBe('aborted');
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'peer-lost' });
  });

  it('goes on with the source that comes back, not with a stranger', () => {
    bringToReceived();
    receiver.streamClosed('reset', 5);
    receiver.streamOpened(10);
    say({ ...hello, resume: true, transfer: new Uint8Array(16) }, 10);
    expect(outcome()).toBeUndefined();
    receiver.streamOpened(20);
    say({ ...hello, resume: true }, 20);
    say({ type: 'committed' }, 20);
    expect(types().at(-1)).toBe('taken');
  });

  it('says that the VM never started when the reader goes away at the very end', () => {
    bringToReceived();
    say({ type: 'committed' });
    receiver.outputClosed('EPIPE', 0);
    expect(marks.at(-1)).toBe('failed');
    expect(outcome()).toEqual({ kind: 'failed', reason: 'EPIPE' });
  });

  it.each<[string, () => void, string]>([
    [
      'an offer out of order',
      () => say({ type: 'offer', sequence: 4, cid: new Uint8Array(20), tag: new Uint8Array(16), length: 50 }),
      'protocol',
    ],
    [
      'an offer beyond the window',
      () => [3, 4].forEach((sequence) => say({ type: 'offer', sequence, cid: new Uint8Array(20), tag: new Uint8Array(16), length: 1000 })),
      'protocol',
    ],
    [
      'an offer larger than a chunk may be',
      () => say({ type: 'offer', sequence: 3, cid: new Uint8Array(20), tag: new Uint8Array(16), length: 1001 }),
      'protocol',
    ],
    ['a DONE with another number of chunks', () => say({ ...done(), chunks: 4 } as ControlMessage), 'protocol'],
    ['a chunk that was tampered with', () => receiver.chunkArrived(0, sealed[1]!.ciphertext.slice(0, 80), 0), 'integrity'],
    ['a chunk that nobody has', () => receiver.chunkFailed(0, 'gone', 0), 'fetch-failed'],
    ['a reader that goes away', () => receiver.outputClosed('EPIPE', 0), 'output-closed'],
    ['COMMITTED before all is here', () => say({ type: 'committed' }), 'protocol'],
  ])('aborts on %s', (_what, act, code) => {
    offerAll();
    act();
    expect(outcome()).toMatchObject({ kind: 'aborted', code });
    expect(marks.at(-1)).toBe('aborted');
    expect(types().at(-1)).toBe('abort');
  });

  it.each<[string, ControlMessage]>([
    ['another sum', { ...done(), sha256: new Uint8Array(32) } as ControlMessage],
    [
      'a sum without the last chunk',
      done([
        [0, 0],
        [1, 1],
      ]),
    ],
    [
      'a sum of the chunks in another order',
      done([
        [0, 1],
        [1, 0],
        [2, 2],
      ]),
    ],
    [
      'a sum of the same chunks in other places',
      done([
        [1, 0],
        [2, 1],
        [3, 2],
      ]),
    ],
    ['a total of bytes that is not theirs', { ...done(), bytes: 231 } as ControlMessage],
  ])('aborts on %s', (_what, message) => {
    offerAll();
    say(message);
    for (const sequence of [0, 1, 2]) receiver.chunkArrived(sequence, sealed[sequence]!.ciphertext, 0);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'integrity' });
  });

  it.each<[string, Partial<typeof hello>, string]>([
    ['another VM', { vm: 'vm2' }, 'wrong-vm'],
    ['an unknown version', { versions: [9] }, 'version'],
    ['another destination', { role: 'destination' }, 'refused'],
    ['a transfer that it does not know', { resume: true }, 'refused'],
  ])('sends away %s without a trace', (_what, change, code) => {
    say({ ...hello, ...change });
    expect(outcome()).toMatchObject({ kind: 'aborted', code });
    expect(marks).toEqual([]);
    expect(receiver.hasBegun).toBe(false);
  });
});

it('says of a chunk that does not come from a source that says nothing that the source could not be reached', () => {
  offerAll();
  receiver.chunkFailed(0, 'timeout', 7_400);
  expect(outcome()).toMatchObject({ code: 'peer-lost', reason: 'the source could not be reached for 7 s' });
  start(limits);
  missing = "the destination's XIA host at 127.0.0.1:7002 has lost its router";
  offerAll();
  receiver.chunkFailed(0, 'timeout', 7_400);
  expect(outcome()).toMatchObject({ code: 'peer-lost', reason: missing });
  start(limits);
  offerAll();
  say({ type: 'alive' }, 7_000);
  receiver.chunkFailed(0, 'timeout', 7_400);
  expect(outcome()).toMatchObject({ code: 'fetch-failed', reason: 'chunk 0: timeout' });
});

describe('the receiver for a reader that waits to be told', () => {
  beforeEach(() => {
    start(limits, true);
    bringToReceived();
  });

  it('lets the reader load before the disk writes, and aborts when that fails', () => {
    expect(marks).toEqual(['receiving', 'received']);
    start(limits, true);
    failsAt = 'received';
    bringToReceived();
    expect(events.map(({ kind }) => kind)).toEqual(['ready', 'loading', 'finished']);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'state' });
    receiver.loaded(5);
    expect(types().at(-1)).toBe('abort');
  });

  it('hands the whole stream on, and says RECEIVED only when it is loaded', () => {
    expect(emitted).toHaveLength(3);
    expect(events.at(-1)).toEqual({ kind: 'loading' });
    expect(types()).not.toContain('received');
    expect(marks).toEqual(['receiving', 'received']);
    for (const chunk of emitted) receiver.handedOn(chunk, 0);
    receiver.loaded(5);
    expect(types().at(-1)).toBe('received');
    say({ type: 'committed' }, 6);
    expect(marks).toEqual(['receiving', 'received', 'running']);
    expect(types().at(-1)).toBe('taken');
    expect(outcome()).toMatchObject({ kind: 'taken', bytes: 230, chunks: 3 });
  });

  it("aborts when the VM cannot be loaded: it is the source's", () => {
    receiver.loadFailed('wrong machine', 5);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'load-failed', by: 'here' });
    expect(marks.at(-1)).toBe('aborted');
    expect(types().at(-1)).toBe('abort');
  });

  it('aborts when the source goes away before it is loaded, and waits for it afterwards', () => {
    receiver.streamClosed('reset', 5);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'peer-lost' });
    start(limits, true);
    bringToReceived();
    receiver.loaded(5);
    receiver.streamClosed('reset', 6);
    expect(outcome()).toBeUndefined();
  });

  it('aborts when the reader ends after it has loaded and before the commit', () => {
    receiver.loaded(5);
    receiver.outputClosed('QEMU has ended', 6);
    expect(outcome()).toMatchObject({ kind: 'aborted', code: 'output-closed' });
    expect(marks.at(-1)).toBe('aborted');
  });
});
