import type { Readable, Writable } from 'node:stream';
import type { XiaStream } from 'xia-core';

/** Bytes of the application so far, each way. */
export interface Tally {
  sent: number;
  received: number;
}

/** Waits until a writable has room again. @throws what broke it, or that it was closed */
async function drained(target: Writable): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: Error) => {
      target.off('drain', onDrain).off('close', onClose).off('error', onError);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onDrain = () => settle();
    const onClose = () => settle(new Error('closed before everything was written'));
    const onError = (error: Error) => settle(error);
    target.on('drain', onDrain).on('close', onClose).on('error', onError);
    if (target.destroyed) onClose();
  });
}

/** Writes and waits while there is no room, so that what a slow reader has not taken stays where it came from. */
export async function writeTo(target: Writable, bytes: Uint8Array): Promise<void> {
  if (!target.write(bytes)) await drained(target);
}

/** Waits until a writable has handed on all that was written to it: a process that ends takes what is left with it. */
async function flushed(target: Writable): Promise<void> {
  if (target.destroyed || target.writableEnded) return;
  await new Promise<void>((resolve, reject) => {
    target.write('', (error) => (error === undefined || error === null ? resolve() : reject(error)));
  });
}

export interface RelayEnds {
  /** What is sent; nothing at all without it. */
  readonly input: Readable | undefined;
  readonly output: Writable;
  /** Whether the end of the input ends our direction. */
  readonly shutdown: boolean;
  /** Whether an output that is closed only means that nobody wants the rest. */
  readonly outputMayClose: boolean;
}

/**
 * Carries bytes between a stream and two ends of this machine until both directions have ended. A terminal is no longer asked
 * for input once the peer has ended: nobody waits there for the end of a file.
 * @throws what ended the stream or an end before that
 */
export async function relay(stream: XiaStream, incoming: AsyncIterable<Buffer>, ends: RelayEnds, tally: Tally): Promise<void> {
  const { input, output, shutdown, outputMayClose } = ends;
  let enough = false;
  const send = async () => {
    try {
      for await (const piece of input ?? []) {
        await writeTo(stream, piece as Buffer);
        tally.sent += (piece as Buffer).length;
      }
    } catch (error) {
      if (!enough) throw error;
    }
    if (shutdown || enough || input === undefined) stream.end();
  };
  const receive = async () => {
    let open = true;
    const give = async (bytes: Buffer) => {
      try {
        await writeTo(output, bytes);
      } catch (error) {
        if (!outputMayClose) throw error;
        open = false;
      }
    };
    for await (const piece of incoming) {
      tally.received += piece.length;
      if (open) await give(piece);
    }
    if (output !== process.stdout) output.end();
    enough = !shutdown || (input as { isTTY?: boolean } | undefined)?.isTTY === true;
    if (enough) {
      input?.destroy();
      stream.end();
    }
  };
  const arriving = receive();
  // A peer that dies after its end has come is noticed by nobody who waits for input; before, whoever reads notices.
  const broken = arriving.then(() => stream.untilOver()).then(() => new Promise<never>(() => {}));
  await Promise.race([Promise.all([send(), arriving]), broken]);
  if (output === process.stdout) await flushed(output);
}
