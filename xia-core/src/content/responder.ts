import { copyBytes } from '../bytes/index.js';
import { XIP_NODE_BYTES, type Dag } from '../dag/index.js';
import {
  CHUNK_RESPONSE_BYTES,
  DEFAULT_HOP_LIMIT,
  encodeChunkResponseHeader,
  NextHeader,
  XIP_HEADER_BYTES,
  XIP_VERSION,
  type XipView,
} from '../wire/index.js';
import { PrincipalType, Xid } from '../xid/index.js';
import type { StoredChunk } from './chunk-source.js';
import { requestedRange, type RequestedBytes } from './request-range.js';
import { responderDag } from './responder-address.js';
import { responseHead, responseRun, runSegments } from './response-run.js';

/** Lifetime told for a chunk without one of its own, seconds; the prototype's value. */
const DEFAULT_TTL_SECONDS = 86_400;
const EDGE_INDEX_BITS = 0x7f;
const NO_CID = new Xid(PrincipalType.CID, new Uint8Array(20));

export interface ResponderOptions {
  /**
   * The most bytes that one request is answered with; 256 KiB by default. A request is small and its source address
   * unproven, so this is also how far a forger can amplify.
   */
  readonly maxBytesPerRequest?: number;
}

/** Answers chunk requests. Keeps nothing of whoever asks, but the address that asked last. */
export class Responder {
  readonly #maxBytes: number;
  readonly counters = { requests: 0, answered: 0, segments: 0, bytes: 0, outOfRange: 0, noSource: 0, mtuTooSmall: 0 };
  #local: Dag | undefined;
  /** Wire nodes of our address with an empty CID at the end; made anew only when the address changes. */
  #sourceNodes = new Uint8Array(0);
  /** The source nodes of the last request, as they came, and what answers to there begin with. */
  #asker: Uint8Array = new Uint8Array(0);
  #head: Uint8Array = new Uint8Array(0);

  constructor(options: ResponderOptions = {}) {
    this.#maxBytes = options.maxBytesPerRequest ?? 256 * 1024;
  }

  /** How much of a chunk a request is answered with, in bytes. */
  answerBytes({ offset, length }: RequestedBytes, chunk: StoredChunk): number {
    const range = requestedRange(offset, length, chunk.bytes.length, this.#maxBytes);
    return range === undefined ? 0 : range.end - range.start;
  }

  /**
   * Answers one request with segments in ascending order. The data of each is the chunk's own memory, not a copy.
   * @param view the request; its destination ends in the CID, its source is who is answered
   * @param request the range asked for, as parsed
   * @param mtu the largest packet, in bytes, that reaches the requester
   * @param localSource this node's address, ending in its HID
   * @param emit takes each packet in two parts: headers, which it may write to and keep, and data, which it may keep
   * @param emitRun takes packets that lie one after the other, each `packetBytes` long, the last one shorter or equal; it may write to
   * them and keep them. Without it each is emitted alone.
   * @returns how many bytes of the chunk were sent
   */
  respond(
    view: XipView,
    request: RequestedBytes,
    chunk: StoredChunk,
    mtu: number,
    localSource: Dag,
    now: number,
    emit: (head: Uint8Array, data: Uint8Array) => void,
    emitRun?: (run: Uint8Array, packetBytes: number) => void,
  ): number {
    this.counters.requests++;
    const chunkLength = chunk.bytes.length;
    const range = requestedRange(request.offset, request.length, chunkLength, this.#maxBytes);
    if (range === undefined) return this.#refuse('outOfRange');
    if (view.sourceCount === 0) return this.#refuse('noSource');
    const head = this.#headFor(view, localSource, chunk, now);
    const segmentBytes = Math.min(mtu - head.length, 0xffff);
    if (segmentBytes <= 0) return this.#refuse('mtuTooSmall');
    const packetBytes = head.length + segmentBytes;
    const runBytes = emitRun === undefined ? 0 : segmentBytes * runSegments(packetBytes);
    let offset = range.start;
    // At least one, since an empty chunk has an answer too.
    do {
      const isRun = emitRun !== undefined && Math.min(runBytes, range.end - offset) > segmentBytes;
      const end = Math.min(offset + (isRun ? runBytes : segmentBytes), range.end);
      if (isRun) emitRun(responseRun(head, chunk, offset, end, segmentBytes), packetBytes);
      else emit(responseHead(head, offset, end), chunk.bytes.subarray(offset, end));
      this.counters.segments += isRun ? Math.ceil((end - offset) / segmentBytes) : 1;
      offset = end;
    } while (offset < range.end);
    this.counters.answered++;
    this.counters.bytes += offset - range.start;
    return offset - range.start;
  }

  #refuse(why: 'outOfRange' | 'noSource' | 'mtuTooSmall'): number {
    this.counters[why]++;
    return 0;
  }

  /**
   * Everything before the data of an answer to this request, but for its range and payload length. Whoever asks asks again and again, so
   * what depends on the addresses alone is kept; valid until the next request.
   */
  #headFor(view: XipView, localSource: Dag, chunk: StoredChunk, now: number): Uint8Array {
    const toBytes = view.sourceCount * XIP_NODE_BYTES;
    const from = XIP_HEADER_BYTES + view.destinationCount * XIP_NODE_BYTES;
    if (this.#local !== localSource || !isSame(this.#asker, view.bytes, from, toBytes)) {
      this.#asker = copyBytes(view.bytes, from, toBytes);
      this.#head = answerHead(this.#asker, this.#sourceFor(localSource));
    }
    const head = this.#head;
    const content = head.length - CHUNK_RESPONSE_BYTES;
    const cid = view.nodeIdOffset(view.destinationCount - 1);
    head.set(view.bytes.subarray(cid, cid + 20), content - 24);
    const ttlSeconds = remainingSeconds(chunk.expiresAt, now);
    encodeChunkResponseHeader(head, content, { offset: 0, length: 0, chunkLength: chunk.bytes.length, ttlSeconds });
    return head;
  }

  #sourceFor(localSource: Dag): Uint8Array {
    if (this.#local !== localSource) {
      this.#sourceNodes = Uint8Array.from(responderDag(localSource, NO_CID).wire);
      this.#local = localSource;
    }
    return this.#sourceNodes;
  }
}

/** @param asker the wire nodes of who asked */
function answerHead(asker: Uint8Array, sourceNodes: Uint8Array): Uint8Array {
  const head = new Uint8Array(XIP_HEADER_BYTES + asker.length + sourceNodes.length + CHUNK_RESPONSE_BYTES);
  head[0] = XIP_VERSION;
  head[1] = NextHeader.CHUNK;
  head[4] = DEFAULT_HOP_LIMIT;
  head[5] = asker.length / XIP_NODE_BYTES;
  head[6] = sourceNodes.length / XIP_NODE_BYTES;
  head[7] = 0xff;
  head.set(asker, XIP_HEADER_BYTES);
  for (let node = 0; node < asker.length; node += XIP_NODE_BYTES) {
    const edges = XIP_HEADER_BYTES + node + 24;
    for (let at = edges; at < edges + 4; at++) head[at] = head[at]! & EDGE_INDEX_BITS;
  }
  head.set(sourceNodes, XIP_HEADER_BYTES + asker.length);
  return head;
}

function isSame(known: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (known.length !== length) return false;
  // Addresses of one network begin alike, so the difference is looked for from the end.
  for (let index = length - 1; index >= 0; index--) if (known[index] !== bytes[from + index]) return false;
  return true;
}

function remainingSeconds(expiresAt: number, now: number): number {
  if (expiresAt === Number.POSITIVE_INFINITY) return DEFAULT_TTL_SECONDS;
  return Math.max(0, Math.min(0xffff_ffff, Math.floor((expiresAt - now) / 1000)));
}
