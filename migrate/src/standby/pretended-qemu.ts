import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const MAGIC = Uint8Array.of(0x51, 0x45, 0x56, 0x4d);
/** A section's footer and the end marker: what a whole stream of QEMU ends with. */
const END = Uint8Array.of(0x7e, 0, 0, 0, 1, 0x00);
const TRY_AGAIN_MS = 5;

/** Writes what looks like a QEMU's stream from its first bytes and its last to a socket that somebody listens on. */
export async function pretendSource(path: string, piece: Uint8Array, pieces: number): Promise<void> {
  const stream = function* () {
    yield MAGIC;
    for (let i = 0; i < pieces; i++) yield piece;
    yield END;
  };
  await pipeline(Readable.from(stream(), { objectMode: false }), connect(path));
}

/** Listens as a QEMU that waits for a guest, and reads the stream to its end. Resolves when it listens. */
export async function pretendDestination(path: string): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end()).resume();
    server.close();
  });
  server.listen(path);
  await once(server, 'listening');
}

/** What a QEMU answers to the commands of a move that goes well. */
export class PretendedMonitor {
  #status: string;

  constructor(status: 'running' | 'inmigrate') {
    this.#status = status;
  }

  async execute(command: string): Promise<unknown> {
    // Not in the same moment, as no QEMU answers.
    await sleep(TRY_AGAIN_MS);
    if (command === 'cont') this.#status = 'running';
    if (command === 'query-status') return { status: this.#status, running: this.#status === 'running' };
    return command === 'query-migrate' ? { status: 'completed' } : {};
  }
}
