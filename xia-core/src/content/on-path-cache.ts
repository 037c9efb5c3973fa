import { chunkOffsetAt, NextHeader, parseChunk, type XipView } from '../wire/index.js';
import { PrincipalType } from '../xid/index.js';
import type { ChunkCache } from './chunk-cache.js';
import type { ChunkStore } from './chunk-store.js';
import { Doorkeeper, type Admission } from './doorkeeper.js';
import type { PartialAssembler } from './partial-assembler.js';

/** What became of a packet that was looked at. */
export type ObserveOutcome = 'not-a-chunk' | 'known' | 'partial' | 'inserted' | 'refused';

export interface OnPathCacheOptions {
  /** Where whole chunks go; its `onInsert` and `onEvict` tell which CIDs are this node's own now. */
  readonly cache: ChunkCache;
  readonly assembler: PartialAssembler;
  /** Chunks that this node serves anyway, and need not be kept twice. */
  readonly published?: ChunkStore;
  /** `always` by default. */
  readonly admit?: Admission;
}

/**
 * Learns chunks from the responses that a node forwards or receives, so that it can answer the next request itself.
 * The packet is only read.
 */
export class OnPathCache {
  readonly #cache: ChunkCache;
  readonly #assembler: PartialAssembler;
  readonly #published: ChunkStore | undefined;
  /** Made when it is needed first. */
  #doorkeeper: Doorkeeper | undefined;

  constructor(options: OnPathCacheOptions) {
    this.#cache = options.cache;
    this.#assembler = options.assembler;
    this.#published = options.published;
    this.configure(options.admit ?? 'always');
  }

  /** Changes when chunks are kept. */
  configure(admit: Admission): void {
    if (admit === 'always') this.#doorkeeper = undefined;
    else this.#doorkeeper ??= new Doorkeeper();
  }

  /** Whether a packet could be a chunk response, told from its header alone. */
  static isCandidate(view: XipView): boolean {
    if (view.nextHeader !== NextHeader.CHUNK || view.sourceCount === 0) return false;
    return view.nodeType(view.destinationCount + view.sourceCount - 1) === PrincipalType.CID;
  }

  /** Looks at a packet and keeps what is new in it. */
  observe(view: XipView, now: number): ObserveOutcome {
    if (this.#cache.budgetBytes === 0 || !OnPathCache.isCandidate(view)) return 'not-a-chunk';
    const idOffset = view.nodeIdOffset(view.destinationCount + view.sourceCount - 1);
    if (this.#doorkeeper !== undefined && !this.#admits(this.#doorkeeper, view, idOffset, now)) return 'refused';
    const { bytes } = view;
    if (this.#isKnown(bytes, idOffset, now)) return 'known';
    const chunk = parseChunk(bytes, view.headerBytes, view.packetBytes);
    if ('fault' in chunk || chunk.opcode !== 'response') return 'not-a-chunk';
    const data = bytes.subarray(chunk.dataOffset, chunk.dataOffset + chunk.length);
    const ttlMs = chunk.ttlSeconds * 1000;
    if (chunk.offset === 0 && data.length === chunk.chunkLength) {
      return this.#insert(bytes, idOffset, data, ttlMs, now, false);
    }
    const whole = this.#assembler.add(bytes, chunk.offset, data, chunk.chunkLength, now, idOffset);
    return whole === undefined ? 'partial' : this.#insert(bytes, idOffset, whole, ttlMs, now, true);
  }

  #insert(bytes: Uint8Array, idOffset: number, chunk: Uint8Array, ttlMs: number, now: number, owned: boolean): ObserveOutcome {
    const id = bytes.subarray(idOffset, idOffset + 20);
    return this.#cache.insert(id, chunk, ttlMs, now, owned) === 'inserted' ? 'inserted' : 'refused';
  }

  /** Whether this node serves the chunk already whose CID is at `idOffset`. */
  #isKnown(bytes: Uint8Array, idOffset: number, now: number): boolean {
    return this.#cache.hasAt(bytes, idOffset) || this.#published?.hasAt(bytes, idOffset, now) === true;
  }

  /**
   * Whether a segment may be kept. A chunk comes by once more when its first segment does; the others follow where that one is
   * being put together. Most of what comes by ends here, so nothing is made for it.
   */
  #admits(doorkeeper: Doorkeeper, view: XipView, idOffset: number, now: number): boolean {
    const { bytes } = view;
    if (this.#assembler.hasAt(bytes, idOffset)) return true;
    if (chunkOffsetAt(bytes, view.headerBytes) !== 0) return false;
    if (doorkeeper.knows(bytes, idOffset)) return true;
    doorkeeper.note(bytes, idOffset);
    if (!this.#isKnown(bytes, idOffset, now)) this.#cache.refuse('notAdmitted');
    return false;
  }
}
