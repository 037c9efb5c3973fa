import { DEFAULT_CONGESTION } from '../congestion/index.js';
import type { RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { CryptoSuite } from '../xid/index.js';
import type { BufferSource } from './buffer-pool.js';
import type { CongestionOptions } from './path-congestion.js';

/** Why a fetch failed. */
export const fetchFailures = {
  busy: 'too many fetches are under way already',
  timeout: 'nothing came for too long',
  'too-large': 'the chunk is larger than the fetcher takes',
  'wrong-content': 'what arrives is not what the CID says, from the publishing host too',
} as const;
export type FetchFailure = keyof typeof fetchFailures;

/** What comes of a fetch: one of these for each identifier, unless it is cancelled. */
export type FetchEvent =
  | {
      readonly kind: 'done';
      readonly id: number;
      /** The chunk, its hash checked. Several fetches of one chunk get the same memory. */
      readonly bytes: Uint8Array;
      /** The CID's 20 bytes. */
      readonly cid: Uint8Array;
      /** How long its publisher lets it be kept. */
      readonly ttlSeconds: number;
    }
  | { readonly kind: 'failed'; readonly id: number; readonly code: FetchFailure };

export interface FetchRequest {
  /** Names the fetch in events and for `cancel`; not in use already. */
  readonly id: number;
  /** Its length if the caller knows it for certain; segments that claim another are dropped then. */
  readonly length?: number;
  /** Others who have it: addresses that end in the same CID. At most 8 sources are used. */
  readonly sources?: readonly Dag[];
  /**
   * Says whether these bytes are the chunk, in place of its hash: for who can tell more cheaply, by a tag under a key that only the
   * publisher shares. It may keep nothing of them. When a chunk is fetched by several, and not all of them give the same one, its hash decides.
   */
  readonly verify?: (bytes: Uint8Array) => boolean;
}

export interface FetchLimits extends CongestionOptions {
  /** A larger chunk is refused before any memory is taken for it; 16 MiB by default. */
  readonly maxChunkBytes?: number;
  /**
   * Memory for all unfinished chunks together; 64 MiB by default. Chunks beyond it wait their turn; one chunk may
   * always be fetched.
   */
  readonly maxBufferedBytes?: number;
  /** Fetches at a time, waiting ones included; 16,384 by default. */
  readonly maxFetches?: number;
  /** The largest range asked for at once; 60 KiB by default, which with its headers fits the largest UDP datagram. */
  readonly maxRangeBytes?: number;
  /**
   * The rest of a chunk is asked for in one request if it is no longer than this; 256 KiB by default, what our responders
   * give for one request.
   */
  readonly maxRestBytes?: number;
  /** A chunk fails when nothing of it came for so long; 15 s by default, longer than a machine takes to move. */
  readonly giveUpMs?: number;
  /**
   * Added to what the round trips say a timeout should be; 25 ms by default. With less, a pause of a busy peer is taken for
   * a loss; with more, the loss of the very last range is noticed later.
   */
  readonly timeoutMarginMs?: number;
  /**
   * No timeout is longer, however often it was doubled; 1 s by default. Of a chunk that has begun to come, it is about 250 ms, or four round
   * trips if that is more: so long it takes to notice that an outage is over.
   */
  readonly maxTimeoutMs?: number;
  /** How often a chunk of wrong content is fetched again, from the publishing host; 3 by default. */
  readonly maxRefetches?: number;
}

export interface FetcherOptions extends FetchLimits {
  readonly crypto: Pick<CryptoSuite, 'hash'>;
  /** Spreads repeated timeouts. */
  readonly rng: Pick<RandomSource, 'unit'>;
  /**
   * Sends a chunk request (what follows the XIP header) to an address. False when it could not be sent now; it is tried
   * again a little later.
   */
  readonly send: (destination: Dag, payload: Uint8Array) => boolean;
  /** Called from within any of the fetcher's methods; may call them in turn. */
  readonly onEvent: (event: FetchEvent) => void;
  /** Where memory for chunks comes from; made anew for each one by default. */
  readonly buffers?: BufferSource;
}

/** Bounds with their defaults filled in. */
export function fetchLimits(options: FetchLimits): Required<FetchLimits> {
  return {
    maxChunkBytes: options.maxChunkBytes ?? 16 * 1024 * 1024,
    maxBufferedBytes: options.maxBufferedBytes ?? 64 * 1024 * 1024,
    maxFetches: options.maxFetches ?? 16_384,
    maxRangeBytes: Math.min(options.maxRangeBytes ?? 60 * 1024, 0xffff),
    maxRestBytes: options.maxRestBytes ?? 256 * 1024,
    giveUpMs: options.giveUpMs ?? 15_000,
    timeoutMarginMs: options.timeoutMarginMs ?? 25,
    maxTimeoutMs: options.maxTimeoutMs ?? 1000,
    maxRefetches: options.maxRefetches ?? 3,
    congestion: options.congestion ?? DEFAULT_CONGESTION,
    maxWindowBytes: options.maxWindowBytes ?? 32 * 1024 * 1024,
  };
}

/** Counters of a fetcher since it was made. */
export class FetchCounters {
  requests = 0;
  segments = 0;
  /** New bytes received. */
  bytes = 0;
  done = 0;
  failed = 0;
  /** Segments with something new in them. */
  fresh = 0;
  /** Segments that told a length for which there is no room, now or ever. */
  unwanted = 0;
  /** Segments without data. */
  empty = 0;
  /** Segments with nothing new in them. */
  duplicates = 0;
  /** Segments of chunks that nobody fetches. */
  unexpected = 0;
  /** Segments that disagree with themselves or with the length of their chunk. */
  contradictory = 0;
  /** Ranges given up because later ones came. */
  overtaken = 0;
  /** Ranges given up because nothing came for too long. */
  timedOut = 0;
  /** How often large segments were found to vanish. */
  blackHoles = 0;
  /** Ranges given up that came after all. */
  spurious = 0;
  /** Chunks whose hash was not their CID. */
  wrongContent = 0;
}
