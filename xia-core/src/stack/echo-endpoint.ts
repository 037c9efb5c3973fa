import { readU16LE, XiaError, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { encodeEcho, NextHeader, XCMP_ECHO_HEADER_BYTES, XcmpType, XipView, type XcmpEcho, type XcmpErrorType } from '../wire/index.js';

const MAXIMUM_SOCKETS = 1024;

/** What came back for an echo: its reply, or an error about it. */
export interface EchoAnswer {
  readonly kind: 'reply' | 'too-big' | 'unreachable' | 'redirect' | 'time-exceeded';
  readonly sequence: number;
  readonly code: number;
  /** Who says so. */
  readonly from: Dag;
  /** Bytes of the control message. */
  readonly bytes: number;
  /** Data of the reply, in place; empty for an error. */
  readonly data: Uint8Array;
  readonly hopLimit: number;
}

type Listener = (answer: EchoAnswer, now: number) => void;

const errorKinds: Readonly<Record<XcmpErrorType, EchoAnswer['kind']>> = {
  [XcmpType.TOO_BIG]: 'too-big',
  [XcmpType.UNREACHABLE]: 'unreachable',
  [XcmpType.REDIRECT]: 'redirect',
  [XcmpType.TIME_EXCEEDED]: 'time-exceeded',
};

/** The echo sockets of a node, told apart by the 16-bit id in their messages. */
export class EchoEndpoint {
  readonly #sockets = new Map<number, Listener>();
  readonly #quotedView = new XipView();
  /** Of the answers: told to a socket, for no socket of ours, without an address to say who sent it, about another packet. */
  readonly counters = { told: 0, unclaimed: 0, noSource: 0, notAnEcho: 0 };
  #highWater = 0;
  #refused = 0;
  #nextId: number;

  /** @param firstId an unpredictable number, so that two nodes' ids seldom meet */
  constructor(firstId: number) {
    this.#nextId = firstId & 0xffff;
  }

  /** @throws XiaError `limit-reached` */
  open(listener: Listener): number {
    if (this.#sockets.size >= MAXIMUM_SOCKETS) {
      this.#refused++;
      throw new XiaError('limit-reached', `more than ${MAXIMUM_SOCKETS} echo sockets`);
    }
    while (this.#sockets.has(this.#nextId)) this.#nextId = (this.#nextId + 1) & 0xffff;
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    this.#sockets.set(id, listener);
    this.#highWater = Math.max(this.#highWater, this.#sockets.size);
    return id;
  }

  close(id: number): void {
    this.#sockets.delete(id);
  }

  message(id: number, sequence: number, data: Uint8Array): Uint8Array {
    return encodeEcho({ id, sequence, data });
  }

  handleReply(echo: XcmpEcho, code: number, view: XipView, now: number): void {
    const listener = this.#sockets.get(echo.id);
    const from = this.#sender(listener, view);
    if (listener === undefined || from === undefined) return;
    const { sequence, data } = echo;
    const bytes = XCMP_ECHO_HEADER_BYTES + data.length;
    listener({ kind: 'reply', sequence, code, from, bytes, data, hopLimit: view.hopLimit }, now);
  }

  /** An error about a packet of ours: if it quotes an echo, the socket that sent it is told. */
  handleError(type: XcmpErrorType, code: number, quoted: Uint8Array, view: XipView, now: number): void {
    const quote = this.#quotedView;
    if (quote.resetQuoted(quoted) !== undefined || !isEcho(quote)) {
      this.counters.notAnEcho++;
      return;
    }
    const listener = this.#sockets.get(readU16LE(quote.bytes, quote.headerBytes + 4));
    const from = this.#sender(listener, view);
    if (listener === undefined || from === undefined) return;
    const sequence = readU16LE(quote.bytes, quote.headerBytes + 6);
    const bytes = view.payloadBytes;
    listener({ kind: errorKinds[type], sequence, code, from, bytes, data: new Uint8Array(0), hopLimit: view.hopLimit }, now);
  }

  gauges(): Gauge[] {
    const used = this.#sockets.size;
    return [{ name: 'echo sockets', unit: 'entries', used, highWater: this.#highWater, bound: MAXIMUM_SOCKETS, refused: this.#refused }];
  }

  /** Who sent an answer, and counts it. */
  #sender(listener: Listener | undefined, view: XipView): Dag | undefined {
    const from = listener === undefined ? undefined : view.trySourceDag();
    if (listener === undefined) this.counters.unclaimed++;
    else if (from === undefined) this.counters.noSource++;
    else this.counters.told++;
    return from;
  }
}

function isEcho(quote: XipView): boolean {
  if (quote.nextHeader !== NextHeader.XCMP || quote.payloadBytes < XCMP_ECHO_HEADER_BYTES) return false;
  return quote.bytes[quote.headerBytes] === XcmpType.ECHO;
}
