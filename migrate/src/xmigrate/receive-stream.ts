import { setMaxListeners } from 'node:events';
import type { Writable } from 'node:stream';
import { contentDag, PrincipalType, Xid, type Dag } from 'xia-core';
import {
  CHUNK_KEY_BYTES,
  CHUNK_KEY_LABEL,
  Receiver,
  type DestinationMark,
  type OfferedChunk,
  type OrderedChunk,
  type ReceiverEvent,
  type ReceiverOptions,
  type ReceiverOutcome,
} from '../protocol/index.js';
import { chunkCipher, runningSha256 } from './chunk-crypto.js';
import { endStream } from './end-stream.js';
import { MachineClock, monotonicMs } from './machine-clock.js';
import { OpeningCipher } from './opening-cipher.js';
import { LentMemory } from './chunk-memory.js';
import { stopReason } from './stop-reason.js';
import type { ChunkFetcher, ControlStream, LoadingMachine } from './transfer-ports.js';

/** A peer that connects must say HELLO within this time, or the next one has its turn. Longer than an outage that is to pass unnoticed. */
const HELLO_TIMEOUT_MS = 12_000;
/** How long the process stays to see TAKEN arrive. The destination QEMU's main loop stands still meanwhile. */
const LINGER_MS = 300;

export interface ReceiveStreamOptions extends Pick<
  ReceiverOptions,
  'vm' | 'limits' | 'holdBackBytes' | 'maxFetches' | 'liveness' | 'decisionTimeoutMs' | 'missingHere'
> {
  /** Control streams as they are accepted. */
  readonly streams: AsyncIterable<ControlStream>;
  /** Whether the holder of this key may send here; default: anybody. */
  readonly allows?: (source: Xid | undefined) => boolean;
  readonly fetcher: ChunkFetcher;
  /** The VM stream: what QEMU reads. Ended once the VM is whole, destroyed otherwise. */
  readonly output: Writable;
  /** Loads the VM before the commit and runs it after; without one, `output` starts the VM at its end, which is held back. */
  readonly machine?: LoadingMachine | undefined;
  /** Throws when the mark could not be made durable. */
  readonly persist: (mark: DestinationMark, reason: string) => void;
  readonly onEvent?: (event: ReceiverEvent) => void;
  readonly onPeer?: (peer: Dag) => void;
  /** A peer was sent away before a transfer began; the wait goes on. */
  readonly onRefused?: (peer: Dag, reason: string) => void;
  readonly onStart?: (stats: () => ReturnType<Receiver['stats']>) => void;
  readonly signal?: AbortSignal;
}

/** Where chunks of the peer at this address are: at its host, by way of any cache that has them. */
export function chunkDag(peer: Dag, cid: Uint8Array): Dag {
  const hid = peer.find(PrincipalType.HID);
  const content = new Xid(PrincipalType.CID, cid);
  // A peer without a host would be no peer of a stream; its own chunks are then asked for where the path leads.
  return contentDag(peer.find(PrincipalType.AD), hid ?? peer.intent, content);
}

/** Waits for a source, takes one VM stream from it and gives it to `output`. */
export async function receiveStream(options: ReceiveStreamOptions): Promise<ReceiverOutcome> {
  const accepted = options.streams[Symbol.asyncIterator]();
  const { signal } = options;
  const stopped = new Promise<undefined>((resolve) => {
    if (signal?.aborted) resolve(undefined);
    signal?.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  let pending: Promise<IteratorResult<ControlStream>> | undefined;
  for (;;) {
    pending ??= accepted.next();
    pending.catch(() => undefined);
    const next = await Promise.race([pending, stopped]);
    if (next === undefined || next.done === true) {
      const reason = next === undefined && signal !== undefined ? stopReason(signal, 'destination') : 'the node was closed';
      return { kind: 'aborted', code: 'cancelled', reason, by: 'here' };
    }
    pending = undefined;
    const stream = next.value;
    if (options.allows?.(stream.peerHid) === false) {
      options.onRefused?.(stream.peerDag, 'not on the list of sources');
      stream.destroy();
      continue;
    }
    const transfer = new IncomingTransfer(stream, options);
    if (await transfer.begins()) {
      void transfer.acceptMore(accepted);
      return transfer.outcome;
    }
    options.onRefused?.(stream.peerDag, 'it did not begin a transfer');
  }
}

/** One receiver's machine with its sockets and clock. */
class IncomingTransfer {
  readonly outcome: Promise<ReceiverOutcome>;
  readonly #o: ReceiveStreamOptions;
  readonly #receiver: Receiver;
  readonly #cipher: OpeningCipher;
  readonly #plaintexts: LentMemory;
  readonly #clock: MachineClock;
  readonly #fetches = new AbortController();
  readonly #begun: Promise<boolean>;
  #tellBegun!: (begun: boolean) => void;
  #tellOutcome!: (outcome: ReceiverOutcome) => void;
  #stream: ControlStream;
  #started: Promise<void> = Promise.resolve();
  /** The address of some chunk of the peer where it was last. */
  #addressed: { readonly peer: Dag; readonly dag: Dag } | undefined;

  constructor(stream: ControlStream, options: ReceiveStreamOptions) {
    this.#o = options;
    this.#stream = stream;
    // Every fetch listens to it, and there are as many as the window holds.
    setMaxListeners(0, this.#fetches.signal);
    this.outcome = new Promise((resolve) => (this.#tellOutcome = resolve));
    this.#begun = new Promise((resolve) => (this.#tellBegun = resolve));
    this.#plaintexts = new LentMemory(options.fetcher);
    this.#cipher = new OpeningCipher(chunkCipher(stream.exportKey(CHUNK_KEY_LABEL, CHUNK_KEY_BYTES), this.#plaintexts));
    this.#receiver = new Receiver({
      ...options,
      loadsFirst: options.machine !== undefined,
      cipher: this.#cipher,
      hash: runningSha256(),
      sink: {
        send: (bytes) => void this.#stream.write(bytes),
        // Later, because a fetcher that throws at once must not call back into the machine.
        fetch: (sequence, _cid, _length, chunk) => queueMicrotask(() => void this.#fetch(sequence, chunk)),
        emit: (chunk) => this.#emit(chunk),
        persist: (mark, reason) => this.#persist(mark, reason),
        onEvent: (event) => this.#event(event),
      },
    });
    this.#clock = new MachineClock(this.#receiver, () => undefined);
    this.#follow(stream);
  }

  /** Resolves when a transfer has begun (true) or this peer is of no use (false). */
  async begins(): Promise<boolean> {
    const timer = setTimeout(
      () => this.#input(() => this.#receiver.abort('refused', 'no HELLO came in time', monotonicMs())),
      HELLO_TIMEOUT_MS,
    );
    const begun = await this.#begun;
    clearTimeout(timer);
    if (!begun) void this.#end(LINGER_MS);
    return begun;
  }

  /** Takes further streams: of the same source when it lost the first one in the commit, nobody else's. */
  async acceptMore(accepted: AsyncIterator<ControlStream>): Promise<void> {
    const source = this.#stream.peerHid;
    try {
      for (let next = await accepted.next(); next.done !== true; next = await accepted.next()) {
        const from = next.value.peerHid;
        const isSource = source !== undefined && from !== undefined && source.equals(from);
        if (!isSource || !this.#receiver.acceptsResume) next.value.destroy();
        else this.#follow(next.value);
      }
    } catch {
      // The node is closing; the streams that stand decide the rest.
    }
  }

  #follow(stream: ControlStream): void {
    if (stream !== this.#stream) this.#stream.destroy();
    this.#stream = stream;
    const guarded = (act: () => void) => {
      if (this.#stream === stream) this.#input(act);
    };
    stream.on('data', (bytes: Buffer) => guarded(() => this.#receiver.streamBytes(bytes, monotonicMs())));
    stream.on('error', (error) => guarded(() => this.#receiver.streamClosed(error.message, monotonicMs())));
    stream.on('end', () => guarded(() => this.#receiver.streamClosed('the source ended the control stream', monotonicMs())));
    stream.on('close', () => guarded(() => this.#receiver.streamClosed('the control stream was closed', monotonicMs())));
    this.#input(() => this.#receiver.streamOpened(monotonicMs()));
  }

  #input(act: () => void): void {
    act();
    this.#clock.rearm();
  }

  async #fetch(sequence: number, { cid, length, tag, key }: OfferedChunk): Promise<void> {
    const { fetcher } = this.#o;
    let ciphertext: Uint8Array;
    try {
      const verify = (bytes: Uint8Array) => this.#cipher.verify(sequence, { ciphertext: bytes, tag, key });
      ciphertext = await fetcher.fetch(this.#addressOf(cid), { length, signal: this.#fetches.signal, verify });
    } catch (error) {
      this.#input(() => this.#receiver.chunkFailed(sequence, (error as Error).message, monotonicMs()));
      return;
    }
    this.#input(() => this.#receiver.chunkArrived(sequence, ciphertext, monotonicMs()));
    fetcher.recycle(ciphertext);
  }

  /** As `chunkDag`, made anew only when the peer has moved. */
  #addressOf(cid: Uint8Array): Dag {
    const { peerDag } = this.#stream;
    if (this.#addressed?.peer !== peerDag) this.#addressed = { peer: peerDag, dag: chunkDag(peerDag, cid) };
    return this.#addressed.dag.withIntent(new Xid(PrincipalType.CID, cid));
  }

  #emit(chunk: OrderedChunk): void {
    this.#o.output.write(chunk.plaintext, (error) => {
      if (error != null) return;
      this.#input(() => this.#receiver.handedOn(chunk, monotonicMs()));
      this.#plaintexts.give(chunk.plaintext);
    });
  }

  #persist(mark: DestinationMark, reason: string): boolean {
    try {
      this.#o.persist(mark, reason);
      return true;
    } catch {
      return false;
    }
  }

  readonly #outputError = (error: Error) =>
    this.#input(() => {
      if (this.#o.machine === undefined) this.#receiver.outputClosed(error.message, monotonicMs());
      else this.#receiver.loadFailed(`QEMU there closed the stream (${error.message}); its stderr says why`, monotonicMs());
    });

  readonly #machineGone = () => this.#input(() => this.#receiver.outputClosed('QEMU there has ended', monotonicMs()));

  /** The whole stream is out. */
  async #load(machine: LoadingMachine): Promise<void> {
    try {
      await machine.untilLoaded(this.#fetches.signal);
    } catch (error) {
      this.#input(() => this.#receiver.loadFailed((error as Error).message, monotonicMs()));
      return;
    }
    this.#input(() => this.#receiver.loaded(monotonicMs()));
  }

  readonly #aborted = () => {
    // A reader that is gone also ends the program's signal, and is the truer reason.
    const { output, signal } = this.#o;
    if (output.errored) this.#outputError(output.errored);
    else if (signal !== undefined) this.#input(() => this.#receiver.abort('cancelled', stopReason(signal, 'destination'), monotonicMs()));
  };

  #event(event: ReceiverEvent): void {
    const { output, signal, machine } = this.#o;
    if (event.kind === 'ready') {
      output.on('error', this.#outputError);
      machine?.gone.addEventListener('abort', this.#machineGone, { once: true });
      signal?.addEventListener('abort', this.#aborted, { once: true });
      this.#o.onPeer?.(this.#stream.peerDag);
      this.#o.onStart?.(() => this.#receiver.stats());
      this.#tellBegun(true);
    }
    if (event.kind === 'loading' && machine !== undefined) {
      // At once, because the state file is written next.
      output.end();
      // Later, because nothing may call back into the machine from here.
      queueMicrotask(() => void this.#load(machine));
    }
    if (event.kind === 'taking' && machine !== undefined) {
      this.#started = machine.start();
      this.#started.catch(() => undefined);
    }
    if (event.kind === 'finished') {
      this.#fetches.abort();
      if (this.#receiver.hasBegun) void this.#conclude(event.outcome);
      this.#tellBegun(this.#receiver.hasBegun);
      if (!this.#receiver.hasBegun) return;
    }
    this.#o.onEvent?.(event);
  }

  async #conclude(outcome: ReceiverOutcome): Promise<void> {
    const { output, signal, machine } = this.#o;
    if (machine === undefined && outcome.kind === 'taken') output.end();
    const concluded = machine === undefined ? outcome : await this.#concludeMachine(machine, outcome);
    await this.#end(LINGER_MS);
    signal?.removeEventListener('abort', this.#aborted);
    machine?.gone.removeEventListener('abort', this.#machineGone);
    this.#tellOutcome(concluded);
  }

  async #concludeMachine(machine: LoadingMachine, outcome: ReceiverOutcome): Promise<ReceiverOutcome> {
    if (outcome.kind === 'taken') {
      try {
        await this.#started;
      } catch (error) {
        const reason = (error as Error).message;
        this.#persist('failed', reason);
        return { kind: 'failed', reason };
      }
      return outcome;
    }
    // Its file may say that the VM is this host's: then this is the only copy that may ever run.
    if (outcome.kind !== 'aborted' || outcome.isUnwritten !== true) await machine.discard();
    this.#o.output.destroy();
    return outcome;
  }

  async #end(waitMs: number): Promise<void> {
    this.#clock.stop();
    await endStream(this.#stream, waitMs);
  }
}
