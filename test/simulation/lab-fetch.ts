import { contentDag, equalBytes, PrincipalType, Xid, type StackEvent } from 'xia-core';
import type { Flow } from './lab-flow.js';
import { textPiece } from './lab-text.js';
import type { SimNode } from './network.js';
import { simCrypto } from './sim-identity.js';

export interface FetchFlowOptions {
  readonly client: SimNode;
  readonly server: SimNode;
  readonly bytes: number;
  readonly chunkBytes: number;
  readonly salt: number;
  readonly now: () => number;
}

interface WantedChunk {
  readonly content: Uint8Array;
  readonly address: ReturnType<typeof contentDag>;
}

/** Chunks that one node publishes and another one fetches, all at once. */
export class FetchFlow implements Flow {
  readonly name = 'fetch';
  readonly totalBytes: number;
  readonly #options: FetchFlowOptions;
  readonly #chunks: readonly WantedChunk[];
  readonly #faults: string[] = [];
  #doneBytes = 0;
  #left: number;
  completeAtMs: number | undefined;

  constructor(options: FetchFlowOptions) {
    const { client, server, bytes, chunkBytes, salt, now } = options;
    this.#options = options;
    this.totalBytes = bytes;
    const chunks: WantedChunk[] = [];
    for (let at = 0; at < bytes; at += chunkBytes) {
      const content = textPiece(salt, at, Math.min(chunkBytes, bytes - at));
      const id = simCrypto.hash(content);
      server.enter((time) => server.stack.content.publish(id, content, time));
      chunks.push({ content, address: contentDag(server.stack.ad, server.stack.hid, new Xid(PrincipalType.CID, id)) });
    }
    this.#chunks = chunks;
    this.#left = chunks.length;
    const next = client.onEvent;
    client.onEvent = (event) => {
      if (event.layer === 'fetch') this.#handle(event, now());
      else next(event);
    };
  }

  start(): void {
    const { client } = this.#options;
    for (const [index, { address, content }] of this.#chunks.entries()) {
      client.enter((now) => client.stack.fetcher.fetch(address, now, { id: index + 1, length: content.length }));
    }
  }

  get deliveredBytes(): number {
    // What is in its place already counts, whole chunks or not.
    return Math.max(this.#doneBytes, Math.min(this.totalBytes, this.#options.client.stack.fetcher.counters.bytes));
  }

  get isOver(): boolean {
    return this.#left === 0;
  }

  get sentAndResent(): readonly [number, number] {
    const sent = this.#options.server.stack.counters()['responder']!['bytes']!;
    return [sent, Math.max(0, sent - this.totalBytes)];
  }

  fault(): string | undefined {
    if (this.#faults.length > 0) return this.#faults[0];
    return this.#left > 0 ? `${this.#left} of ${this.#chunks.length} chunks did not come` : undefined;
  }

  #handle({ event }: StackEvent & { readonly layer: 'fetch' }, now: number): void {
    const { content } = this.#chunks[event.id - 1]!;
    this.#left--;
    if (event.kind !== 'done') this.#faults.push(`chunk ${event.id} failed: ${event.code}`);
    else if (!equalBytes(event.bytes, content)) this.#faults.push(`wrong bytes in chunk ${event.id}`);
    else this.#doneBytes += content.length;
    if (this.#left === 0) this.completeAtMs = now;
  }
}
