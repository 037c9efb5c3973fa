import { setTimeout as delay } from 'node:timers/promises';
import { XiaError, type XiaStream } from 'xia-core';
import { CommandChild } from './command-child.js';
import type { FileDestination } from './file-target.js';
import { receiveFile, sendFile, type TransferredFile } from './file-transfer.js';
import { relay, type Tally } from './flow.js';
import { PieceReader } from './piece-reader.js';
import { guardPlain, isMismatch } from './plain-guard.js';
import { explained, XcatCode } from './reset-codes.js';
import type { Teller } from './teller.js';

/** What a connection is for. */
export type Purpose =
  | { readonly kind: 'relay'; readonly readInput: boolean; readonly shutdown: boolean }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'send'; readonly path: string; readonly answerMs: number }
  | { readonly kind: 'receive'; readonly destination: FileDestination };

export interface SessionOptions {
  readonly purpose: Purpose;
  readonly plain: boolean;
  readonly teller: Teller;
  readonly signal: AbortSignal;
}

/** The peer may have missed our very last packet; for a few round trips there is still somebody to repeat it. */
const LAST_WORDS_MS = 60;
const LARGEST_LAST_WORDS_MS = 600;

function resetCodeFor(error: unknown, { purpose, signal }: SessionOptions): number {
  if (isMismatch(error)) return XcatCode.PLAIN_ONLY;
  if (signal.aborted) {
    const isOutput = signal.reason instanceof XiaError && signal.reason.context['signal'] === undefined;
    return isOutput ? XcatCode.OUTPUT_CLOSED : XcatCode.INTERRUPTED;
  }
  return purpose.kind === 'send' || purpose.kind === 'receive' ? XcatCode.FILE_FAILED : XcatCode.OUTPUT_CLOSED;
}

async function serve(stream: XiaStream, options: SessionOptions, tally: Tally): Promise<TransferredFile | undefined> {
  const { purpose, plain, teller } = options;
  const pieces = stream.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  const incoming = plain ? guardPlain(pieces) : pieces;
  switch (purpose.kind) {
    case 'relay': {
      const { readInput, shutdown } = purpose;
      using _progress = teller.progress('xcat', undefined, () => tally.sent + tally.received);
      const input = readInput ? process.stdin : undefined;
      await relay(stream, incoming, { input, output: process.stdout, shutdown, outputMayClose: false }, tally);
      return undefined;
    }
    case 'exec': {
      const env = { XIA_PEER: stream.peerDag.toString(), XIA_PEER_HID: stream.peerHid?.toString() ?? '' };
      await using child = new CommandChild(purpose.command, env);
      await relay(stream, incoming, { input: child.output, output: child.input, shutdown: true, outputMayClose: true }, tally);
      await child.untilDone();
      return undefined;
    }
    case 'send':
    case 'receive': {
      const moved = () => (purpose.kind === 'send' ? tally.sent : tally.received);
      let line: Disposable | undefined;
      const watcher = { begin: (name: string, bytes: number) => void (line = teller.progress(name, bytes, moved)) };
      const reader = new PieceReader(incoming);
      try {
        return purpose.kind === 'send'
          ? await sendFile(stream, reader, purpose.path, { answerMs: purpose.answerMs, watcher, tally })
          : await receiveFile(stream, reader, purpose.destination, { watcher, tally });
      } finally {
        line?.[Symbol.dispose]();
      }
    }
  }
}

/** Why the connection itself is over, if it is; else what was noticed first. */
async function rootOf(stream: XiaStream, error: unknown): Promise<Error> {
  const told = await Promise.race([
    stream.untilOver().then(
      () => undefined,
      (why: unknown) => why,
    ),
    delay(0),
  ]);
  const own = error instanceof XiaError && error.code !== 'connection-closed' && error.code !== 'stream-failed';
  return explained(own || told === undefined ? error : told);
}

/**
 * Does with a connection what it is for, tells what came of it, and leaves nothing of it.
 * @throws XiaError why it did not end in good order
 */
export async function runSession(stream: XiaStream, options: SessionOptions): Promise<void> {
  const { signal, teller } = options;
  const tally: Tally = { sent: 0, received: 0 };
  const beganMs = performance.now();
  // What breaks it is told by whoever reads or writes.
  stream.on('error', () => {});
  const onAbort = () => stream.reset(resetCodeFor(undefined, options));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  let file: TransferredFile | undefined;
  let failure: Error | undefined;
  try {
    file = await serve(stream, options, tally);
    // Only now the peer is known to have everything.
    await stream.untilOver();
    await delay(Math.min(LARGEST_LAST_WORDS_MS, LAST_WORDS_MS + 2 * stream.stats.rttMs));
  } catch (error) {
    failure = await rootOf(stream, error);
    stream.reset(resetCodeFor(error, options));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  teller.result(stream, { tally, seconds: (performance.now() - beganMs) / 1000, file, failure, plain: options.plain });
  if (failure !== undefined) throw failure;
}
