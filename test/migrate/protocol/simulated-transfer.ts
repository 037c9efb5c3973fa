import {
  Receiver,
  Sender,
  type DestinationMark,
  type OrderedChunk,
  type ReceiverOutcome,
  type SenderOutcome,
  type SourceMark,
  type TransferLimits,
} from '../../../migrate/src/protocol/index.js';
import { SeededRandom } from '../../../xia-core/src/bytes/random.js';
import { cidOf, fakeCipher, fakeContents, sha256 } from './fake-crypto.js';

/** One thing that goes wrong, at a moment of virtual time. */
export interface Fault {
  readonly kind:
    | 'cut'
    | 'black-hole'
    | 'abort-source'
    | 'abort-destination'
    | 'output-closed'
    | 'input-truncated'
    | 'fetch-fails'
    | 'corrupt-chunk'
    | 'crash-source'
    | 'crash-destination'
    | 'source-disk'
    | 'destination-disk';
  readonly atMs: number;
  /** Whether a new stream can be had after a cut. */
  readonly heals: boolean;
}

export interface Scenario {
  readonly seed: number;
  readonly input: Uint8Array;
  readonly limits: TransferLimits;
  readonly chunkBytes: number;
  readonly holdBackBytes: number;
  readonly faults: readonly Fault[];
  /** The source tells pages apart. */
  readonly pages?: boolean;
  /** Bytes that the source writes at once at most, 700 unless it says otherwise. */
  readonly maxPieceBytes?: number;
}

export interface Result {
  readonly source: SenderOutcome | undefined;
  readonly destination: ReceiverOutcome | undefined;
  readonly output: Uint8Array;
  readonly sourceMarks: readonly SourceMark[];
  readonly destinationMarks: readonly DestinationMark[];
  readonly publishedAtEnd: number;
  readonly maxWindowBytes: number;
  readonly maxBufferedBytes: number;
  readonly fetchedBytes: number;
  readonly repeatedBytes: number;
  readonly offeredBytes: number;
  readonly finishedAtMs: number;
  /** Rules that were broken at some moment, in words. */
  readonly violations: readonly string[];
}

const MAX_PIECE_BYTES = 700;
const END_OF_TIME_MS = 300_000;

/** One control stream: ordered, lossless, random delays and random cuts of the byte stream, until it is cut. */
interface Wire {
  alive: boolean;
  /** Swallows everything without telling anybody. */
  swallows: boolean;
  toSourceAt: number;
  toDestinationAt: number;
}

/** Runs a sender against a receiver in virtual time; the same scenario always runs the same way. */
export function simulate(scenario: Scenario): Result {
  const random = new SeededRandom(scenario.seed);
  const delay = (maximumMs: number) => random.unit() * maximumMs;
  const violations = new Set<string>();
  const published = new Map<string, { readonly sealed: Uint8Array; pins: number }>();
  const maxPieceBytes = scenario.maxPieceBytes ?? MAX_PIECE_BYTES;
  const sourceMarks: SourceMark[] = [];
  const destinationMarks: DestinationMark[] = [];
  const output: Uint8Array[] = [];
  let outputBytes = 0;
  let now = 0;
  let queue: { at: number; order: number; run: () => void }[] = [];
  let order = 0;
  let wire: Wire | undefined;
  let canConnect = true;
  let sourceUp = true;
  let destinationUp = true;
  let fetchFails = false;
  let corrupt = false;
  let sourceDisk = true;
  let destinationDisk = true;
  let readerGone = false;
  let inputAt = 0;
  let input = scenario.input;
  let source: SenderOutcome | undefined;
  let destination: ReceiverOutcome | undefined;
  let finishedAtMs = 0;

  const at = (time: number, run: () => void) => queue.push({ at: time, order: order++, run });

  const carry = (bytes: Uint8Array, towards: 'source' | 'destination') => {
    const carrier = wire;
    if (carrier === undefined) return;
    let rest = bytes;
    while (rest.length > 0) {
      const piece = rest.slice(0, 1 + random.below(rest.length));
      rest = rest.subarray(piece.length);
      const arrival = now + delay(random.below(10) === 0 ? 100 : 5);
      const key = towards === 'source' ? 'toSourceAt' : 'toDestinationAt';
      carrier[key] = Math.max(carrier[key], arrival);
      at(carrier[key], () => {
        if (!carrier.alive || carrier.swallows) return;
        if (towards === 'source' && sourceUp && wire === carrier) sender.streamBytes(piece, now);
        if (towards === 'destination' && destinationUp && wire === carrier) receiver.streamBytes(piece, now);
      });
    }
  };

  const connect = () => {
    const ready = now + delay(50);
    at(ready, () => {
      if (!sourceUp) return;
      if (!canConnect || !destinationUp || destination !== undefined) {
        sender.streamClosed('nobody answers', now);
        return;
      }
      wire = { alive: true, swallows: false, toSourceAt: now, toDestinationAt: now };
      receiver.streamOpened(now);
      sender.streamOpened(now);
    });
  };

  const cut = () => {
    const carrier = wire;
    if (carrier === undefined) return;
    carrier.alive = false;
    at(now + delay(200), () => sourceUp && wire === carrier && sender.streamClosed('reset', now));
    at(now + delay(200), () => destinationUp && wire === carrier && receiver.streamClosed('reset', now));
  };

  const sender = new Sender({
    vm: 'vm1',
    transfer: new Uint8Array(16).fill(7),
    cipher: fakeCipher,
    hash: sha256(),
    contents: scenario.pages === true ? fakeContents : undefined,
    limits: scenario.limits,
    chunkBytes: scenario.chunkBytes,
    sink: {
      send: (bytes) => carry(bytes, 'destination'),
      publish(_sequence, sealed) {
        const cid = cidOf(sealed);
        const key = Buffer.from(cid).toString('hex');
        published.set(key, { sealed, pins: (published.get(key)?.pins ?? 0) + 1 });
        return cid;
      },
      unpublish(cid) {
        const key = Buffer.from(cid).toString('hex');
        const chunk = published.get(key)!;
        if (--chunk.pins === 0) published.delete(key);
      },
      persist(mark) {
        if (sourceDisk) sourceMarks.push(mark);
        return sourceDisk;
      },
      onEvent(event) {
        if (event.kind === 'reconnect') connect();
        if (event.kind === 'finished') source = event.outcome;
      },
    },
  });

  const handOn = (chunk: OrderedChunk) => {
    if (readerGone) return;
    // A copy: its memory may be used again once it is handed on.
    output.push(chunk.plaintext.slice());
    outputBytes += chunk.plaintext.length;
    at(Math.max(now + delay(3), outputFreeAt), () => destinationUp && !readerGone && receiver.handedOn(chunk, now));
    outputFreeAt = Math.max(now, outputFreeAt) + delay(2);
  };
  let outputFreeAt = 0;

  const receiver = new Receiver({
    vm: 'vm1',
    cipher: fakeCipher,
    hash: sha256(),
    limits: scenario.limits,
    holdBackBytes: scenario.holdBackBytes,
    maxFetches: 1 + random.below(8),
    sink: {
      send: (bytes) => carry(bytes, 'source'),
      fetch(sequence, cid) {
        at(now + delay(30), () => {
          if (!destinationUp) return;
          const bytes = sourceUp && !fetchFails ? published.get(Buffer.from(cid).toString('hex'))?.sealed : undefined;
          if (bytes === undefined) {
            receiver.chunkFailed(sequence, 'nobody has it', now);
          } else if (corrupt) {
            const wrong = bytes.slice();
            wrong[0]! ^= 1;
            receiver.chunkArrived(sequence, wrong, now);
          } else {
            receiver.chunkArrived(sequence, bytes, now);
          }
        });
      },
      emit: handOn,
      persist(mark) {
        if (destinationDisk) destinationMarks.push(mark);
        return destinationDisk;
      },
      onEvent(event) {
        if (event.kind === 'finished') destination = event.outcome;
      },
    },
  });

  const inject = (fault: Fault) => {
    switch (fault.kind) {
      case 'cut':
        canConnect = fault.heals;
        return cut();
      case 'black-hole':
        canConnect = fault.heals;
        if (wire !== undefined) wire.swallows = true;
        return;
      case 'abort-source':
        return void (sourceUp && sender.abort('cancelled', 'Ctrl-C', now));
      case 'abort-destination':
        return void (destinationUp && receiver.abort('cancelled', 'Ctrl-C', now));
      case 'output-closed':
        readerGone = true;
        return void (destinationUp && receiver.outputClosed('EPIPE', now));
      case 'input-truncated':
        input = input.subarray(0, Math.max(inputAt, Math.min(input.length, inputAt + 1)));
        return;
      case 'fetch-fails':
        fetchFails = true;
        return;
      case 'corrupt-chunk':
        corrupt = true;
        return;
      case 'crash-source':
        sourceUp = false;
        canConnect = false;
        return cut();
      case 'crash-destination':
        destinationUp = false;
        return cut();
      case 'source-disk':
        sourceDisk = false;
        return;
      case 'destination-disk':
        destinationDisk = false;
        return;
    }
  };

  /** QEMU writes when it likes, in pieces of its liking, but only while it is read from. */
  const write = () => {
    if (!sourceUp || sender.isFinished) return;
    if (sender.wantsInput) {
      if (inputAt === input.length) {
        sender.inputEnded(now);
        return;
      }
      const piece = input.slice(inputAt, inputAt + 1 + random.below(maxPieceBytes));
      inputAt += piece.length;
      sender.input(piece, now);
    }
    at(now + delay(random.below(20) === 0 ? 40 : 1), write);
  };

  const check = () => {
    const s = sender.stats();
    const r = receiver.stats();
    const { windowBytes, maxChunkBytes } = scenario.limits;
    if (s.windowBytes > windowBytes) violations.add(`${s.windowBytes} bytes in a window of ${windowBytes}`);
    if (published.size > scenario.limits.windowChunks) violations.add('more chunks published than the window allows');
    if (s.pendingBytes >= scenario.chunkBytes + maxPieceBytes) violations.add('the source reads although the window is full');
    if (r.bufferedBytes > windowBytes + scenario.holdBackBytes + maxChunkBytes)
      violations.add(`the destination buffers ${r.bufferedBytes}`);
    const runs = destinationMarks.includes('running');
    const sourceOwns = sourceMarks.at(-1) !== 'handed-over';
    if (runs && sourceOwns) violations.add('both own the VM');
    if (!runs && outputBytes > 0 && outputBytes > scenario.input.length - scenario.holdBackBytes)
      violations.add('the end of the stream left before the commit');
  };

  connect();
  at(0, write);
  for (const fault of scenario.faults) at(fault.atMs, () => inject(fault));

  for (;;) {
    const next = queue.reduce<(typeof queue)[number] | undefined>(
      (best, entry) => (best === undefined || entry.at < best.at || (entry.at === best.at && entry.order < best.order) ? entry : best),
      undefined,
    );
    const senderAt = sourceUp ? sender.nextTimeout() : Infinity;
    const receiverAt = destinationUp ? receiver.nextTimeout() : Infinity;
    const time = Math.min(next?.at ?? Infinity, senderAt, receiverAt);
    if (time > END_OF_TIME_MS) break;
    now = Math.max(now, time);
    if (next !== undefined && next.at <= time) {
      queue = queue.filter((entry) => entry !== next);
      next.run();
    } else if (senderAt <= receiverAt) {
      sender.handleTimeout(now);
    } else {
      receiver.handleTimeout(now);
    }
    check();
    finishedAtMs = now;
  }

  return {
    source,
    destination,
    output: Buffer.concat(output),
    sourceMarks,
    destinationMarks,
    publishedAtEnd: published.size,
    maxWindowBytes: sender.stats().maxWindowBytes,
    maxBufferedBytes: receiver.stats().maxBufferedBytes,
    fetchedBytes: receiver.stats().fetchedBytes,
    repeatedBytes: receiver.stats().repeatedBytes,
    offeredBytes: sender.stats().offeredBytes,
    finishedAtMs,
    violations: [...violations],
  };
}
