import type { Duplex } from 'node:stream';

/**
 * Ends our side of a stream and waits until the peer has ended its side, which it does once it has our last message;
 * after `waitMs` the stream is destroyed all the same. Never throws.
 */
export async function endStream(stream: Duplex, waitMs = 500): Promise<void> {
  if (stream.destroyed) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    const done = () => {
      if (!stream.destroyed && !(stream.writableFinished && stream.readableEnded)) return;
      clearTimeout(timer);
      resolve();
    };
    for (const event of ['end', 'finish', 'close', 'error'] as const) stream.on(event, done);
    stream.resume();
    stream.end();
    done();
  });
  stream.destroy();
}
