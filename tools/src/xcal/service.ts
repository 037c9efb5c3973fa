import type { StreamServer, XiaStream } from 'xia-core';
import { LineSplitter } from 'xia-core';
import { goldbachPair } from './goldbach.js';

/** A question is a number and a line end. */
const LARGEST_LINE_BYTES = 32;
const LARGEST_CONNECTIONS = 256;

/**
 * The Goldbach service: a line with an even number is answered by `NUMBER P Q COUNTER START`.
 *
 * COUNTER counts the answers of this service since it started and never goes back; START names that start. So whoever
 * asks sees a service that was started again, or an answer that was made twice.
 */
export class GoldbachService {
  readonly startId: string;
  #counter = 0;

  /** @param startId a word that no other start of the service has */
  constructor(startId: string) {
    this.startId = startId;
  }

  /** Answers that were given so far. */
  get counter(): number {
    return this.#counter;
  }

  /** The answer to one line, without a line end. */
  answer(line: string): string {
    const text = line.trim();
    const pair = /^\d{1,9}$/.test(text) ? goldbachPair(Number(text)) : undefined;
    if (pair === undefined) return `error ${JSON.stringify(text)} is not an even number that is served`;
    return `${text} ${pair[0]} ${pair[1]} ${++this.#counter} ${this.startId}`;
  }
}

async function serveStream(stream: XiaStream, service: GoldbachService): Promise<void> {
  const splitter = new LineSplitter(LARGEST_LINE_BYTES);
  // Left to itself, a loop over a duplex stream destroys it at the end of what is read, with the last answers still in it.
  for await (const piece of stream.iterator({ destroyOnReturn: false })) {
    const lines = splitter.push(piece as Buffer);
    if (lines === 'too-long') break;
    const answers = lines.map((line) => `${service.answer(line)}\n`).join('');
    // A client that asks and does not read is not read any further either.
    if (answers !== '' && !stream.write(answers))
      await new Promise<void>((resolve) => stream.once('drain', resolve).once('close', resolve));
  }
  stream.end();
}

/** Serves every connection of a server until it is closed. A connection that breaks ends alone. */
export async function serveGoldbach(server: StreamServer, service: GoldbachService, onError: (error: unknown) => void): Promise<void> {
  let connections = 0;
  for await (const stream of server) {
    if (connections >= LARGEST_CONNECTIONS) {
      stream.destroy();
      continue;
    }
    connections++;
    stream.on('error', onError);
    void serveStream(stream, service)
      .catch(onError)
      .finally(() => connections--);
  }
}
