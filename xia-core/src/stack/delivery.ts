import type { Fetcher, LocalContent } from '../content/index.js';
import type { DatagramEndpoint, StreamEndpoint } from '../transport/index.js';
import { decodeXcmp, NextHeader, parseChunk, parseTransport, XcmpType, XipView, type XcmpErrorType } from '../wire/index.js';
import { PrincipalType, SID_BOOTSTRAP, Xid } from '../xid/index.js';
import type { EchoEndpoint } from './echo-endpoint.js';
import type { SourceMemo } from './source-memo.js';
import type { XcmpAnswers } from './xcmp-answers.js';

/** Where delivered packets go. */
export interface DeliveryOptions {
  readonly hid: Xid;
  readonly content: LocalContent;
  readonly fetcher: Fetcher;
  readonly sources: SourceMemo;
  readonly echoes: EchoEndpoint;
  readonly xcmp: XcmpAnswers;
  /** A chunk of ours is asked for. */
  readonly serve: (view: XipView, request: { readonly offset: number; readonly length: number }, cid: Uint8Array, now: number) => void;
  readonly bootstrap: (face: number, neighbour: number, payload: Uint8Array, now: number) => void;
  readonly datagrams: DatagramEndpoint;
  readonly streams: StreamEndpoint;
  /** A packet of ours to `hid` did not fit a face on its way. */
  readonly tooBig: (hid: Xid, mtu: number, now: number) => void;
}

/** Why a packet that had arrived was of no use. */
export type DeliveryDrop =
  | 'no-source'
  | 'unknown-next-header'
  | 'bad-transport'
  | 'bad-xcmp'
  | 'bad-chunk'
  | 'not-a-service'
  | 'foreign-quote'
  /** Told to whoever sent the packet, but nobody can prove it: it changes no route. */
  | 'unsigned-redirect';

/** Hands packets that have arrived to whatever they are for. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #quoted = new XipView();
  readonly #drops = new Map<DeliveryDrop, number>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** `view.last` is the destination node that was reached. */
  deliver(view: XipView, face: number, neighbour: number, now: number): void {
    switch (view.nextHeader) {
      case NextHeader.STREAM:
        return this.#stream(view, now);
      case NextHeader.CHUNK:
        return this.#chunk(view, now);
      case NextHeader.TRANSPORT:
        return this.#transport(view, face, neighbour, now);
      case NextHeader.XCMP:
        return this.#xcmp(view, now);
      default:
        return this.#drop('unknown-next-header');
    }
  }

  counters(): Record<string, number> {
    return Object.fromEntries(this.#drops);
  }

  #stream(view: XipView, now: number): void {
    const source = this.#options.sources.of(view);
    if (source === undefined) return this.#drop('no-source');
    if (view.nodeType(view.last) !== PrincipalType.SID) return this.#drop('not-a-service');
    this.#options.streams.handlePacket(view.payload(), source, reachedXid(view), now);
  }

  #chunk(view: XipView, now: number): void {
    const payload = view.payload();
    const packet = parseChunk(payload);
    if (packet.opcode === undefined) return this.#drop('bad-chunk');
    if (packet.opcode === 'request') {
      if (view.nodeType(view.last) !== PrincipalType.CID) return this.#drop('bad-chunk');
      return this.#options.serve(view, packet, idAt(view, view.last), now);
    }
    const cidNode = view.destinationCount + view.sourceCount - 1;
    if (view.sourceCount === 0 || view.nodeType(cidNode) !== PrincipalType.CID) return this.#drop('no-source');
    const data = payload.subarray(packet.dataOffset, packet.dataOffset + packet.length);
    this.#options.fetcher.handleResponse(idAt(view, cidNode), packet, data, now);
  }

  #transport(view: XipView, face: number, neighbour: number, now: number): void {
    if (view.nodeType(view.last) !== PrincipalType.SID) return this.#drop('not-a-service');
    const sid = reachedXid(view);
    if (!sid.equals(SID_BOOTSTRAP)) {
      const source = this.#options.sources.of(view);
      if (source === undefined) return this.#drop('no-source');
      this.#options.datagrams.handlePacket(view.payload(), source, sid);
      return;
    }
    const packet = parseTransport(view.payload());
    if (packet.kind !== 'dgram') return this.#drop('bad-transport');
    this.#options.bootstrap(face, neighbour, packet.payload, now);
  }

  #xcmp(view: XipView, now: number): void {
    const { echoes, xcmp } = this.#options;
    const message = decodeXcmp(view.payload());
    switch (message.kind) {
      case 'echo':
        return xcmp.echo(message, view, now);
      case 'echo-reply':
        return echoes.handleReply(message, message.code, view, now);
      case 'error':
        return this.#error(message.type, message.code, message.quoted, message.mtu, view, now);
      default:
        return this.#drop('bad-xcmp');
    }
  }

  /** Believed only about packets that left from here: they name this host in their source. */
  #error(type: XcmpErrorType, code: number, quoted: Uint8Array, mtu: number, view: XipView, now: number): void {
    const quote = this.#quoted;
    if (quote.resetQuoted(quoted) !== undefined) return this.#drop('bad-xcmp');
    const source = quote.trySourceDag();
    const destination = quote.tryDestinationDag();
    if (source?.find(PrincipalType.HID)?.equals(this.#options.hid) !== true || destination === undefined) {
      return this.#drop('foreign-quote');
    }
    if (type === XcmpType.TOO_BIG) {
      const hid = destination.find(PrincipalType.HID);
      if (hid !== undefined) this.#options.tooBig(hid, mtu, now);
    }
    if (type === XcmpType.REDIRECT) this.#drop('unsigned-redirect');
    this.#options.echoes.handleError(type, code, quoted, view, now);
  }

  #drop(reason: DeliveryDrop): void {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
  }
}

function idAt(view: XipView, node: number): Uint8Array {
  const at = view.nodeIdOffset(node);
  return view.bytes.subarray(at, at + 20);
}

function reachedXid(view: XipView): Xid {
  return new Xid(view.nodeType(view.last), idAt(view, view.last).slice());
}
