import { describe, expect, it } from 'vitest';
import { Receiver, Sender } from '../../../../migrate/src/protocol/index.js';
import { encodeMessage } from '../../../../migrate/src/protocol/codec.js';
import type { ControlMessage } from '../../../../migrate/src/protocol/messages.js';
import { MIN_PAGE_CUTTER_CHUNK_BYTES } from '../../../../migrate/src/protocol/pages/page-cutter.js';
import { PieceListWriter, type PieceOffer } from '../../../../migrate/src/protocol/piece-list.js';
import { SeededRandom } from '../../../../xia-core/src/bytes/random.js';
import { cidOf, fakeCipher, fakeContents, sha256 } from '../fake-crypto.js';
import { simulate, type Fault, type Scenario } from '../simulated-transfer.js';
import { qemuStream, type Page } from './qemu-stream.js';

const CHUNK_BYTES = MIN_PAGE_CUTTER_CHUNK_BYTES;
const MIB = 1024 ** 2;

/** The memory of a guest, of which the second half is the same as the first: 48 pages, zero pages, and the same 48 once more. */
const memory: Page[] = [0, 1].flatMap((half) => [
  ...Array.from({ length: 48 }, (_, index) => ({ page: half * 4800 + index, content: index + 1 })),
  ...Array.from({ length: 900 }, (_, index) => ({ page: half * 4800 + 48 + index, content: 0 })),
]);
const changed: Page[] = Array.from({ length: 8 }, (_, index) => ({ page: index * 5, content: 1000 + index }));
const input = qemuStream([memory.slice(0, 400), memory.slice(400), changed, []]);

function scenario(seed: number, faults: readonly Fault[] = []): Scenario {
  const random = new SeededRandom(seed);
  return {
    seed,
    input,
    pages: true,
    maxPieceBytes: 70_000,
    limits: { windowBytes: 2 * CHUNK_BYTES + random.below(MIB), windowChunks: 2 + random.below(30), maxChunkBytes: CHUNK_BYTES },
    chunkBytes: CHUNK_BYTES,
    holdBackBytes: random.below(200_000),
    faults,
  };
}

describe('a transfer that tells pages apart', () => {
  it('moves the stream whole, and fetches what is in it twice once', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const result = simulate(scenario(seed));
      expect(result.violations, `seed ${seed}`).toEqual([]);
      expect([result.source?.kind, result.destination?.kind], `seed ${seed}`).toEqual(['handed-over', 'taken']);
      expect(Buffer.from(result.output).equals(input), `seed ${seed}`).toBe(true);
      expect(result.publishedAtEnd).toBe(0);
      const [whole, twice] = [input.length, 48 * 4096];
      expect(result.repeatedBytes, `seed ${seed}`).toBe(twice);
      expect(result.fetchedBytes + twice).toBeLessThan(whole);
      expect(result.offeredBytes).toBeGreaterThanOrEqual(result.fetchedBytes + twice);
    }
  });

  it('has one owner whatever goes wrong', () => {
    const kinds = ['cut', 'corrupt-chunk', 'fetch-fails', 'crash-source', 'output-closed', 'abort-destination', 'black-hole'] as const;
    for (let seed = 1; seed <= 35; seed++) {
      const random = new SeededRandom(seed);
      const kind = kinds[seed % kinds.length]!;
      const result = simulate(scenario(seed, [{ kind, atMs: random.unit() * 400, heals: random.below(2) === 0 }]));
      const story = `seed ${seed} ${kind} ${JSON.stringify(result.source)} ${JSON.stringify(result.destination)}`;
      expect(result.violations, story).toEqual([]);
      expect(Buffer.from(result.output).equals(input.subarray(0, result.output.length)), story).toBe(true);
      if (kind !== 'crash-source') expect(result.publishedAtEnd, story).toBe(0);
      if (result.source?.kind === 'handed-over') expect(result.destinationMarks, story).toContain('running');
      if (result.source?.kind === 'aborted') expect(result.destinationMarks, story).not.toContain('running');
    }
  });
});

describe('a source that could tell pages apart', () => {
  function offersTo(versions: number[], maxChunkBytes = MIB): string[] {
    const sent: Uint8Array[] = [];
    const transfer = new Uint8Array(16);
    const sender = new Sender({
      vm: 'vm1',
      transfer,
      cipher: fakeCipher,
      contents: fakeContents,
      hash: sha256(),
      sink: {
        send: (bytes) => void sent.push(bytes),
        publish: (_sequence, ciphertext) => cidOf(ciphertext),
        unpublish: () => undefined,
        persist: () => true,
        onEvent: () => undefined,
      },
    });
    sender.streamOpened(0);
    const limits = { windowBytes: 16 * MIB, windowChunks: 1000, maxChunkBytes };
    sender.streamBytes(encodeMessage({ type: 'hello', versions, role: 'destination', vm: 'vm1', transfer, resume: false, limits }), 0);
    sender.input(input, 0);
    sender.inputEnded(0);
    const text = Buffer.concat(sent).toString('latin1');
    return ['offer', 'pieces', 'done'].filter((type) => text.includes(`type${String.fromCharCode(0xa0 + type.length)}${type}`));
  }

  it('does it only for a destination that knows how, and takes pieces of that size', () => {
    expect(offersTo([1, 2])).toEqual(['pieces', 'done']);
    expect(offersTo([2], CHUNK_BYTES - 1)).toEqual(['offer', 'done']);
  });
});

describe('a destination', () => {
  const content = new Uint8Array(100).fill(3);
  const { ciphertext, tag, key } = fakeContents.sealWithKey(content);
  const chunk = { cid: cidOf(ciphertext), tag, key, length: 100 };
  /** All of the content, as a step of a layout. */
  const layout = Uint8Array.of(0xa1, 0x06);

  function outcomeOf(...pieces: PieceOffer[]): { ended: string | undefined; fetched: number; handedOn: number } {
    const seen = { ended: undefined as string | undefined, fetched: 0, handedOn: 0 };
    const receiver = new Receiver({
      vm: 'vm1',
      cipher: fakeCipher,
      hash: sha256(),
      limits: { windowBytes: 4096, windowChunks: 4, maxChunkBytes: 1000 },
      holdBackBytes: 0,
      sink: {
        send: () => undefined,
        fetch: (sequence) => {
          seen.fetched++;
          queue.push(sequence);
        },
        emit: ({ plaintext }) => void (seen.handedOn += plaintext.length),
        persist: () => true,
        onEvent(event) {
          if (event.kind === 'finished') seen.ended = event.outcome.kind === 'aborted' ? event.outcome.code : event.outcome.kind;
        },
      },
    });
    const queue: number[] = [];
    const say = (message: ControlMessage) => receiver.streamBytes(encodeMessage(message), 0);
    receiver.streamOpened(0);
    const limits = { windowBytes: 4096, windowChunks: 4, maxChunkBytes: 1000 };
    say({ type: 'hello', versions: [2], role: 'source', vm: 'vm1', transfer: new Uint8Array(16), resume: false, limits });
    const list = new PieceListWriter();
    for (const piece of pieces) list.add(piece);
    say({ type: 'pieces', sequence: 0, list: list.take() });
    for (const sequence of queue) receiver.chunkArrived(sequence, ciphertext, 0);
    return seen;
  }

  it('puts pieces together, those without a chunk at once', () => {
    const literal = { length: 2, chunk: undefined, layout: Uint8Array.of(0x10, 7, 7) };
    const whole = { length: 100, chunk, layout };
    expect(outcomeOf(literal, whole, literal, whole)).toEqual({ ended: undefined, fetched: 1, handedOn: 204 });
  });

  it.each<[string, PieceOffer]>([
    ['a layout that makes something else', { length: 99, chunk: undefined, layout }],
    ['a layout beside the content', { length: 101, chunk, layout: Uint8Array.of(0x08, 1) }],
    ['a content without a layout, of another length', { length: 101, chunk, layout: new Uint8Array(0) }],
    ['a content that is longer than the piece', { length: 90, chunk, layout }],
    ['a piece that is too long', { length: 1001, chunk, layout }],
    ['an empty piece', { length: 0, chunk: { ...chunk, length: 0 }, layout }],
  ])('refuses %s', (_name, piece) => {
    expect(outcomeOf(piece).ended).toMatch(/protocol|integrity/);
  });

  it('refuses a content that its key does not open', () => {
    expect(outcomeOf({ length: 100, chunk: { ...chunk, key: new Uint8Array(44) }, layout }).ended).toBe('integrity');
  });

  it('refuses a list that makes no sense, and more pieces than the window has room for', () => {
    const whole = { length: 100, chunk, layout };
    expect(outcomeOf().ended).toBe('protocol');
    expect(outcomeOf(whole, whole, whole, whole, whole, whole).ended).toBe('protocol');
  });
});
