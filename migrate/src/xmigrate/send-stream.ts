import { PrincipalType, Xid } from 'xia-core';
import {
  CHUNK_KEY_BYTES,
  CHUNK_KEY_LABEL,
  Sender,
  sourceLimits,
  type SenderEvent,
  type SenderOptions,
  type SenderOutcome,
  type SourceMark,
} from '../protocol/index.js';
import { chunkCipher, runningSha256 } from './chunk-crypto.js';
import { CiphertextMemory } from './chunk-memory.js';
import { endStream } from './end-stream.js';
import { MachineClock, monotonicMs } from './machine-clock.js';
import { stopReason } from './stop-reason.js';
import type { ChunkPublisher, ControlStream } from './transfer-ports.js';
import type { VmInput } from './vm-input.js';

export interface SendStreamOptions extends Pick<
  SenderOptions,
  'vm' | 'transfer' | 'contents' | 'limits' | 'chunkBytes' | 'liveness' | 'decisionTimeoutMs' | 'missingHere'
> {
  /** The VM stream: what QEMU writes. */
  readonly input: VmInput;
  /** Opens a control stream to the destination; called again when the first is lost in the commit. */
  readonly connect: () => Promise<ControlStream>;
  readonly publisher: ChunkPublisher;
  /** Throws when the mark could not be made durable. */
  readonly persist: (mark: SourceMark, reason: string) => void;
  readonly onEvent?: (event: SenderEvent) => void;
  /** Is handed the machine's figures on demand. */
  readonly onStart?: (stats: () => ReturnType<Sender['stats']>) => void;
  /** Aborts the migration while that is possible. */
  readonly signal?: AbortSignal;
}

/**
 * Moves one VM stream from `input` to the destination: the sender's machine with its sockets, clock and ciphers.
 * Rejects only when the first stream cannot be opened; all else is an outcome.
 */
export async function sendStream(options: SendStreamOptions): Promise<SenderOutcome> {
  const { input, signal, publisher } = options;
  const memory = new CiphertextMemory(publisher);
  let stream = await options.connect();
  let finished: (outcome: SenderOutcome) => void;
  const outcomePromise = new Promise<SenderOutcome>((resolve) => {
    finished = resolve;
  });

  const sender = new Sender({
    ...options,
    limits: options.limits ?? sourceLimits(stream.stats.minRttMs),
    cipher: chunkCipher(stream.exportKey(CHUNK_KEY_LABEL, CHUNK_KEY_BYTES), memory),
    hash: runningSha256(),
    sink: {
      send: (bytes) => void stream.write(bytes),
      publish(_sequence, ciphertext) {
        try {
          const { id } = publisher.publish(ciphertext).cid;
          memory.published(id, ciphertext);
          return id;
        } catch {
          memory.give(ciphertext);
          return undefined;
        }
      },
      unpublish(cid) {
        publisher.unpublish(new Xid(PrincipalType.CID, cid));
        memory.unpublished(cid);
      },
      persist(mark, reason) {
        try {
          options.persist(mark, reason);
          return true;
        } catch {
          return false;
        }
      },
      onEvent(event) {
        options.onEvent?.(event);
        if (event.kind === 'reconnect') void reconnect();
        if (event.kind === 'finished') finished(event.outcome);
      },
    },
  });

  const settle = () => {
    if (sender.wantsInput) input.resume();
    else input.pause();
    clock.rearm();
  };
  const clock = new MachineClock(sender, settle);

  const follow = (followed: ControlStream) => {
    stream = followed;
    // A stream that was replaced may still speak; only the present one is listened to.
    const guarded = (act: () => void) => {
      if (stream !== followed) return;
      act();
      settle();
    };
    followed.on('data', (bytes: Buffer) => guarded(() => sender.streamBytes(bytes, monotonicMs())));
    followed.on('error', (error) => guarded(() => sender.streamClosed(error.message, monotonicMs())));
    followed.on('end', () => guarded(() => sender.streamClosed('the destination ended the control stream', monotonicMs())));
    followed.on('close', () => guarded(() => sender.streamClosed('the control stream was closed', monotonicMs())));
    guarded(() => sender.streamOpened(monotonicMs()));
  };

  const reconnect = async () => {
    stream.destroy();
    try {
      const next = await options.connect();
      if (sender.isFinished) next.destroy();
      else follow(next);
    } catch (error) {
      sender.streamClosed((error as Error).message, monotonicMs());
      settle();
    }
  };

  const onData = (piece: Uint8Array) => {
    sender.input(piece, monotonicMs());
    settle();
  };
  const onEnd = () => {
    sender.inputEnded(monotonicMs());
    settle();
  };
  const onInputError = (error: Error) => {
    sender.abort('input-failed', error.message, monotonicMs());
  };
  const onAbort = () => void (signal && sender.abort('cancelled', stopReason(signal, 'source'), monotonicMs()));

  options.onStart?.(() => sender.stats());
  input.pause();
  input.on('data', onData).on('end', onEnd).on('error', onInputError);
  signal?.addEventListener('abort', onAbort, { once: true });
  follow(stream);
  if (signal?.aborted) onAbort();
  try {
    const outcome = await outcomePromise;
    await endStream(stream);
    return outcome;
  } finally {
    clock.stop();
    signal?.removeEventListener('abort', onAbort);
    input.off('data', onData).off('end', onEnd).off('error', onInputError);
  }
}
