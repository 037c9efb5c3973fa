import type { Fetcher, LocalContent, RequestedBytes } from '../content/index.js';
import type { Dag } from '../dag/index.js';
import type { DatagramEndpoint, StreamEndpoint } from '../transport/index.js';
import {
  decodeXcmp,
  NextHeader,
  parseChunk,
  parseTransport,
  XcmpType,
  XipView,
  type ChunkResponse,
  type XcmpErrorType,
} from '../wire/index.js';
import { PrincipalType, SID_BOOTSTRAP, SID_ROUTING, Xid } from '../xid/index.js';
import type { EchoEndpoint } from './echo-endpoint.js';
import { joinSegments } from './segment-run.js';
import type { SourceMemo } from './source-memo.js';
import type { XcmpAnswers } from './xcmp-answers.js';

/** What came of a request for a chunk. */
export type ServeOutcome = 'served' | 'chunk-gone' | 'no-source' | 'answer-limited';

/** Where delivered packets go. */
export interface DeliveryOptions {
  readonly hid: Xid;
  readonly content: LocalContent;
  readonly fetcher: Fetcher;
  readonly sources: SourceMemo;
  readonly echoes: EchoEndpoint;
  readonly xcmp: XcmpAnswers;
  /** A chunk of ours is asked for. */
  readonly serve: (view: XipView, request: RequestedBytes, cid: Uint8Array, face: number, neighbour: number, now: number) => ServeOutcome;
  readonly bootstrap: (face: number, neighbour: number, payload: Uint8Array, now: number) => void;
  /** Undefined where nobody routes: then the SID is a service like any other. */
  readonly routing: ((face: number, neighbour: number, payload: Uint8Array, now: number) => void) | undefined;
  readonly datagrams: DatagramEndpoint;
  readonly streams: StreamEndpoint;
  /** A packet of ours, it is said, found no way to this address. */
  readonly unreachable: (destination: Dag, now: number) => void;
  /** A packet of ours, it is said, did not fit a face on its way. */
  readonly tooBig: (quote: XipView, destination: Dag, mtu: number, now: number) => void;
}

/** Why a packet that had arrived was of no use. */
export type DeliveryDrop =
  | 'no-source'
  | 'unknown-next-header'
  | 'bad-transport'
  | 'bad-xcmp'
  | 'bad-chunk'
  | 'not-a-service'
  | 'chunk-gone'
  | 'answer-limited'
  | 'foreign-quote';

/** What a delivered packet was, and so who counts what became of it further on. */
export type DeliveryKind =
  | 'stream'
  | 'datagram'
  | 'bootstrap'
  | 'routing'
  | 'chunk-request'
  | 'chunk-response'
  | 'echo'
  | 'echo-reply'
  | 'xcmp-error';

/** Hands packets that have arrived to whatever they are for. Each is counted once: by its kind, or by why it was of no use. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #quoted = new XipView();
  readonly #handed: Record<DeliveryKind, number> = {
    stream: 0,
    datagram: 0,
    bootstrap: 0,
    routing: 0,
    'chunk-request': 0,
    'chunk-response': 0,
    echo: 0,
    'echo-reply': 0,
    'xcmp-error': 0,
  };
  readonly #drops = new Map<DeliveryDrop, number>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** `view.last` is the destination node that was reached. See `PacketPathOptions.deliver`. */
  deliver(view: XipView, face: number, neighbour: number, now: number): boolean {
    switch (view.nextHeader) {
      case NextHeader.CHUNK:
        return this.#chunk(view, face, neighbour, now);
      case NextHeader.STREAM:
        this.#stream(view, face, neighbour, now);
        return true;
      case NextHeader.TRANSPORT:
        this.#transport(view, face, neighbour, now);
        return true;
      case NextHeader.XCMP:
        this.#xcmp(view, face, neighbour, now);
        return true;
      default:
        return this.#drop('unknown-next-header');
    }
  }

  /** As `deliver` for answers with parts of chunks that came together; see `PacketPathOptions.deliverRun`. */
  deliverRun(view: XipView, run: Uint8Array, segmentBytes: number, face: number, neighbour: number, now: number): void {
    for (let at = 0; at < run.length;) {
      const end = Math.min(at + segmentBytes, run.length);
      view.reset(run.subarray(at, end));
      const segment = parseChunk(run, at + view.headerBytes, end);
      if (segment.opcode !== 'response') {
        if (!this.deliver(view, face, neighbour, now)) this.#drop('chunk-gone');
        at = end;
        continue;
      }
      const headBytes = segment.dataOffset - at;
      const length = joinSegments(run, at, segmentBytes, view.headerBytes, segment);
      const packets = length === 0 ? 1 : Math.ceil(length / segment.length);
      this.#segments(
        view,
        { ...segment, length },
        run.subarray(segment.dataOffset, segment.dataOffset + length),
        segment.length,
        packets,
        now,
      );
      at += packets * headBytes + length;
    }
  }

  counters(): Record<string, number> {
    return { ...this.#handed, ...Object.fromEntries(this.#drops) };
  }

  #stream(view: XipView, face: number, neighbour: number, now: number): void {
    const source = this.#options.sources.of(view);
    if (source === undefined) return void this.#drop('no-source');
    if (view.nodeType(view.last) !== PrincipalType.SID) return void this.#drop('not-a-service');
    this.#handed.stream++;
    this.#options.streams.handlePacket(view.payload(), source, reachedXid(view), now, face, neighbour);
  }

  #chunk(view: XipView, face: number, neighbour: number, now: number): boolean {
    const payload = view.payload();
    const packet = parseChunk(payload);
    if (packet.opcode === undefined) return this.#drop('bad-chunk');
    if (packet.opcode === 'request') return this.#request(packet, view, face, neighbour, now);
    const data = payload.subarray(packet.dataOffset, packet.dataOffset + packet.length);
    this.#segments(view, packet, data, packet.length, 1, now);
    return true;
  }

  #request(request: RequestedBytes, view: XipView, face: number, neighbour: number, now: number): boolean {
    if (view.nodeType(view.last) !== PrincipalType.CID) return this.#drop('bad-chunk');
    const outcome = this.#options.serve(view, request, idAt(view, view.last), face, neighbour, now);
    if (outcome === 'chunk-gone') return false;
    if (outcome !== 'served') return this.#drop(outcome);
    this.#handed['chunk-request']++;
    return true;
  }

  /** Data of a chunk came in one packet or several; the view is that of the first. */
  #segments(view: XipView, header: ChunkResponse, data: Uint8Array, segmentBytes: number, packets: number, now: number): void {
    const cidNode = view.destinationCount + view.sourceCount - 1;
    if (view.sourceCount === 0 || view.nodeType(cidNode) !== PrincipalType.CID) return void this.#drop('no-source', packets);
    this.#handed['chunk-response'] += packets;
    this.#options.fetcher.handleResponse(idAt(view, cidNode), header, data, now, sourceHid(view, cidNode), segmentBytes);
  }

  #transport(view: XipView, face: number, neighbour: number, now: number): void {
    if (view.nodeType(view.last) !== PrincipalType.SID) return void this.#drop('not-a-service');
    const sid = reachedXid(view);
    const { bootstrap, routing } = this.#options;
    const handler = sid.equals(SID_BOOTSTRAP) ? bootstrap : sid.equals(SID_ROUTING) ? routing : undefined;
    if (handler === undefined) {
      const source = this.#options.sources.of(view);
      if (source === undefined) return void this.#drop('no-source');
      this.#handed.datagram++;
      this.#options.datagrams.handlePacket(view.payload(), source, sid);
      return;
    }
    const packet = parseTransport(view.payload());
    if (packet.kind !== 'dgram') return void this.#drop('bad-transport');
    this.#handed[sid.equals(SID_ROUTING) ? 'routing' : 'bootstrap']++;
    handler(face, neighbour, packet.payload, now);
  }

  #xcmp(view: XipView, face: number, neighbour: number, now: number): void {
    const { echoes, xcmp } = this.#options;
    const message = decodeXcmp(view.payload());
    switch (message.kind) {
      case 'echo':
        this.#handed.echo++;
        return xcmp.echo(message, view, face, neighbour, now);
      case 'echo-reply':
        this.#handed['echo-reply']++;
        return echoes.handleReply(message, message.code, view, now);
      case 'error':
        return this.#error(message.type, message.code, message.quoted, message.mtu, view, now);
      default:
        return void this.#drop('bad-xcmp');
    }
  }

  /** Believed only about packets that left from here: they name this host in their source. */
  #error(type: XcmpErrorType, code: number, quoted: Uint8Array, mtu: number, view: XipView, now: number): void {
    const quote = this.#quoted;
    if (quote.resetQuoted(quoted) !== undefined) return void this.#drop('bad-xcmp');
    const source = quote.trySourceDag();
    const destination = quote.tryDestinationDag();
    if (source?.find(PrincipalType.HID)?.equals(this.#options.hid) !== true || destination === undefined) {
      return void this.#drop('foreign-quote');
    }
    this.#handed['xcmp-error']++;
    if (type === XcmpType.TOO_BIG) this.#options.tooBig(quote, destination, mtu, now);
    if (type === XcmpType.UNREACHABLE) this.#options.unreachable(destination, now);
    if (type === XcmpType.REDIRECT) this.#options.xcmp.counters.redirectsIgnored++;
    this.#options.echoes.handleError(type, code, quoted, view, now);
  }

  /** True: what was dropped is done with. */
  #drop(reason: DeliveryDrop, packets = 1): true {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + packets);
    return true;
  }
}

function idAt(view: XipView, node: number): Uint8Array {
  const at = view.nodeIdOffset(node);
  return view.bytes.subarray(at, at + 20);
}

/** The HID in the source address of a packet, before its sink; undefined when there is none. */
function sourceHid(view: XipView, sink: number): Uint8Array | undefined {
  for (let node = sink - 1; node >= view.destinationCount; node--) {
    if (view.nodeType(node) === PrincipalType.HID) return idAt(view, node);
  }
  return undefined;
}

function reachedXid(view: XipView): Xid {
  return new Xid(view.nodeType(view.last), idAt(view, view.last).slice());
}
