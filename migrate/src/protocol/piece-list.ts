import { CID_BYTES, TAG_BYTES } from './limits.js';
import { chunkRecord, PIECE_KEY_BYTES, type RunningHash } from './chunk-cipher.js';
import { ByteReader, pushVarint } from './pages/varint.js';

/** What the source says of a piece of the stream. */
export interface PieceOffer {
  /** Bytes of the stream. */
  readonly length: number;
  /** Where its content is; undefined when the layout says all. */
  readonly chunk: OfferedChunk | undefined;
  /** How the stream's bytes are made of the content (`layout.ts`). Empty when they are the content. */
  readonly layout: Uint8Array;
}

export interface OfferedChunk {
  readonly cid: Uint8Array;
  readonly tag: Uint8Array;
  readonly length: number;
  /** Its own key. Undefined when it is sealed under that of the transfer, and the sequence number. */
  readonly key: Uint8Array | undefined;
}

const NO_CID = new Uint8Array(CID_BYTES);
const NO_TAG = new Uint8Array(TAG_BYTES);

/** Puts what stands for a piece into the digest of a stream: the record of its chunk, of zeros if it has none, and its layout. */
export function digestPiece(hash: RunningHash, sequence: number, { length, chunk, layout }: PieceOffer): void {
  hash.update(chunkRecord(sequence, length, chunk?.cid ?? NO_CID, chunk?.tag ?? NO_TAG));
  if (layout.length > 0) hash.update(layout);
}

const HAS_CHUNK = 1;
const HAS_KEY = 2;
const ALL_FLAGS = HAS_CHUNK | HAS_KEY;

/**
 * Pieces of successive sequence numbers, to be said in one message. Each is a byte of flags (1: a chunk, 2: a key), its length as
 * a varint, if it has a chunk its CID, tag, key, and length as a varint, and then the layout after its length as a varint.
 */
export class PieceListWriter {
  #bytes: number[] = [];
  #pieces = 0;
  #streamBytes = 0;

  get pieces(): number {
    return this.#pieces;
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes.length;
  }

  /** Bytes of the stream that these pieces are. */
  get streamBytes(): number {
    return this.#streamBytes;
  }

  add({ length, chunk, layout }: PieceOffer): void {
    const bytes = this.#bytes;
    bytes.push((chunk === undefined ? 0 : HAS_CHUNK) | (chunk?.key === undefined ? 0 : HAS_KEY));
    pushVarint(bytes, length);
    if (chunk !== undefined) {
      bytes.push(...chunk.cid, ...chunk.tag, ...(chunk.key ?? []));
      pushVarint(bytes, chunk.length);
    }
    pushVarint(bytes, layout.length);
    for (const byte of layout) bytes.push(byte);
    this.#pieces += 1;
    this.#streamBytes += length;
  }

  /** The list; the writer is empty afterwards. */
  take(): Uint8Array {
    const list = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    this.#pieces = 0;
    this.#streamBytes = 0;
    return list;
  }
}

/** The pieces of a list; undefined when it is empty or makes no sense. They are views of it. */
export function parsePieceList(list: Uint8Array): PieceOffer[] | undefined {
  const reader = new ByteReader(list);
  const pieces: PieceOffer[] = [];
  while (!reader.isAtEnd) {
    const flags = reader.byte();
    if (flags > ALL_FLAGS || flags === HAS_KEY) return undefined;
    const length = reader.varint();
    const chunk = (flags & HAS_CHUNK) === 0 ? undefined : readChunk(reader, (flags & HAS_KEY) !== 0);
    const layout = reader.take(reader.varint());
    if (reader.failed || (chunk === undefined && layout.length === 0)) return undefined;
    pieces.push({ length, chunk, layout });
  }
  return pieces.length > 0 ? pieces : undefined;
}

function readChunk(reader: ByteReader, hasKey: boolean): OfferedChunk {
  const cid = reader.take(CID_BYTES);
  const tag = reader.take(TAG_BYTES);
  const key = hasKey ? reader.take(PIECE_KEY_BYTES) : undefined;
  return { cid, tag, key, length: reader.varint() };
}
