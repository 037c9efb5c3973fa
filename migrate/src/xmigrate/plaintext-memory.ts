import type { ChunkMemory } from './chunk-crypto.js';
import type { ChunkFetcher } from './transfer-ports.js';

/** Memory of opened chunks, out of the same store as that of chunks on their way: each is only ever one of both for long. */
export class PlaintextMemory implements ChunkMemory {
  readonly #fetcher: Pick<ChunkFetcher, 'lend' | 'recycle'>;
  readonly #lent = new WeakSet<Uint8Array>();

  constructor(fetcher: Pick<ChunkFetcher, 'lend' | 'recycle'>) {
    this.#fetcher = fetcher;
  }

  take(length: number): Uint8Array {
    const bytes = this.#fetcher.lend(length);
    this.#lent.add(bytes);
    return bytes;
  }

  /** Takes back what `take` gave, and leaves alone what came from elsewhere. Nobody reads it any more. */
  give(bytes: Uint8Array): void {
    if (this.#lent.delete(bytes)) this.#fetcher.recycle(bytes);
  }
}
