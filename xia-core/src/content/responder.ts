import { XIP_NODE_BYTES, type Dag } from '../dag/index.js';
import { CHUNK_RESPONSE_BYTES, DEFAULT_HOP_LIMIT, NextHeader, XIP_HEADER_BYTES, XIP_VERSION, type XipView } from '../wire/index.js';
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

/** Answers chunk requests. Keeps nothing of whoever asks. */
export class Responder {
  readonly #maxBytes: number;
  readonly counters = { requests: 0, answered: 0, segments: 0, bytes: 0, outOfRange: 0, noSource: 0, mtuTooSmall: 0 };
  #local: Dag | undefined;
  /** Wire nodes of our address with an empty CID at the end; made anew only when the address changes. */
  #sourceNodes = new Uint8Array(0);

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
    const header = this.#header(view, localSource);
    const segmentBytes = Math.min(mtu - header.length - CHUNK_RESPONSE_BYTES, 0xffff);
    if (segmentBytes <= 0) return this.#refuse('mtuTooSmall');
    const ttlSeconds = remainingSeconds(chunk.expiresAt, now);
    const packetBytes = header.length + CHUNK_RESPONSE_BYTES + segmentBytes;
    const runBytes = emitRun === undefined ? 0 : segmentBytes * runSegments(packetBytes);
    let offset = range.start;
    // At least one, since an empty chunk has an answer too.
    do {
      const isRun = emitRun !== undefined && Math.min(runBytes, range.end - offset) > segmentBytes;
      const end = Math.min(offset + (isRun ? runBytes : segmentBytes), range.end);
      if (isRun) emitRun(responseRun(header, chunk, offset, end, segmentBytes, ttlSeconds), packetBytes);
      else emit(responseHead(header, chunk, offset, end, ttlSeconds), chunk.bytes.subarray(offset, end));
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

  /** Everything before the content header, except for the payload length. */
  #header(view: XipView, localSource: Dag): Uint8Array {
    const sourceNodes = this.#sourceFor(localSource);
    const toBytes = view.sourceCount * XIP_NODE_BYTES;
    const header = new Uint8Array(XIP_HEADER_BYTES + toBytes + sourceNodes.length);
    header[0] = XIP_VERSION;
    header[1] = NextHeader.CHUNK;
    header[4] = DEFAULT_HOP_LIMIT;
    header[5] = view.sourceCount;
    header[6] = sourceNodes.length / XIP_NODE_BYTES;
    header[7] = 0xff;
    const from = XIP_HEADER_BYTES + view.destinationCount * XIP_NODE_BYTES;
    header.set(view.bytes.subarray(from, from + toBytes), XIP_HEADER_BYTES);
    for (let node = 0; node < view.sourceCount; node++) {
      const edges = XIP_HEADER_BYTES + node * XIP_NODE_BYTES + 24;
      for (let at = edges; at < edges + 4; at++) header[at] = header[at]! & EDGE_INDEX_BITS;
    }
    header.set(sourceNodes, XIP_HEADER_BYTES + toBytes);
    const cid = view.nodeIdOffset(view.destinationCount - 1);
    header.set(view.bytes.subarray(cid, cid + 20), header.length - 24);
    return header;
  }

  #sourceFor(localSource: Dag): Uint8Array {
    if (this.#local !== localSource) {
      this.#sourceNodes = Uint8Array.from(responderDag(localSource, NO_CID).wire);
      this.#local = localSource;
    }
    return this.#sourceNodes;
  }
}

function remainingSeconds(expiresAt: number, now: number): number {
  if (expiresAt === Number.POSITIVE_INFINITY) return DEFAULT_TTL_SECONDS;
  return Math.max(0, Math.min(0xffff_ffff, Math.floor((expiresAt - now) / 1000)));
}
