import { copyBytes } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { STREAM_RETRY_TOKEN_BYTES, StreamCode, StreamFrame, type StreamPacketView } from '../wire/stream.js';
import { PrincipalType } from '../xid/index.js';
import type { AddressExchange } from './address-exchange.js';
import type { ConnectionCounters } from './connection-counters.js';
import type { ConnectionIds } from './connection-ids.js';
import type { ConnectionLife } from './connection-life.js';
import type { IdleClock } from './idle-clock.js';
import type { PeerPath } from './peer-path.js';
import type { Receiver } from './receiver.js';
import { ConnectionState } from './stream-events.js';
import { Control } from './packet-filler.js';
import type { Transmitter } from './transmitter.js';

/** A peer that is flooded may ask again when a token has become too old; one that goes on asking is left alone. */
const MAX_RETRIES = 8;

/** What a frame, or a whole packet, asks of us; the larger wins. */
export const Verdict = { DROP: -1, SILENT: 0, ELICITING: 1 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** What frames do to their connection as a whole. */
export interface FrameHost {
  readonly ids: ConnectionIds;
  readonly isServer: boolean;
  /** The peer knows our id. */
  becomeOpen(): void;
  /** The peer wants to see that we receive what it sends: this token goes with OPEN from now on. */
  openWith(token: Uint8Array, now: number): void;
  /** The peer does not want the connection. */
  wasRefused(code: number, now: number): void;
  wasReset(code: number, now: number): void;
  /** Both directions have ended and everything has arrived at both sides. */
  complete(now: number): void;
  /** The peer did what it must not do. */
  abort(code: number, now: number): void;
}

/** The parts of a connection that frames are for. */
export interface FrameParts {
  readonly idle: IdleClock;
  readonly life: ConnectionLife;
  readonly path: PeerPath;
  readonly addresses: AddressExchange;
  readonly transmitter: Transmitter;
  readonly receiver: Receiver;
  readonly counters: ConnectionCounters;
}

/** What each frame of a packet does to its connection. */
export class FrameIntake {
  readonly #host: FrameHost;
  readonly #idle: IdleClock;
  readonly #life: ConnectionLife;
  readonly #path: PeerPath;
  readonly #addresses: AddressExchange;
  readonly #transmitter: Transmitter;
  readonly #receiver: Receiver;
  readonly #counters: ConnectionCounters;
  #retries = 0;

  constructor(host: FrameHost, { idle, life, path, addresses, transmitter, receiver, counters }: FrameParts) {
    this.#host = host;
    this.#idle = idle;
    this.#life = life;
    this.#path = path;
    this.#addresses = addresses;
    this.#transmitter = transmitter;
    this.#receiver = receiver;
    this.#counters = counters;
  }

  /** Takes a packet of a peer that keeps nothing of us, which has neither an id nor a packet number: REFUSE or RETRY. */
  takeAnswer(view: StreamPacketView, now: number): void {
    if (this.#life.state !== ConnectionState.OPENING || !view.nextFrame()) return;
    if (view.frame === StreamFrame.REFUSE) this.#host.wasRefused(view.code, now);
    if (view.frame === StreamFrame.RETRY) this.#takeRetry(view, now);
  }

  /** Takes the frames of a packet, until one is to be dropped or ends the connection. */
  take(view: StreamPacketView, source: Dag, now: number): Verdict {
    let verdict: Verdict = Verdict.SILENT;
    while (view.nextFrame()) {
      const one = this.#takeFrame(view, source, now);
      if (this.#life.over) return Verdict.SILENT;
      if (one === Verdict.DROP) return Verdict.DROP;
      if (one > verdict) verdict = one;
    }
    return verdict;
  }

  #takeFrame(view: StreamPacketView, source: Dag, now: number): Verdict {
    // Until it is open, only what opens it counts, and acknowledgements of that.
    const { state } = this.#life;
    const isOpen = state === ConnectionState.OPEN;
    switch (view.frame) {
      case StreamFrame.ACK:
        if (!this.#transmitter.handleAck(view, now)) this.#counters.packetsRefused++;
        return Verdict.SILENT;
      case StreamFrame.DATA:
        return isOpen ? this.#takeData(view, now) : Verdict.DROP;
      case StreamFrame.MAX_DATA:
        this.#transmitter.credit.raise(view.limit);
        return Verdict.ELICITING;
      case StreamFrame.DATA_BLOCKED:
        this.#transmitter.request(Control.MAX_DATA);
        return Verdict.ELICITING;
      case StreamFrame.PING:
        return Verdict.ELICITING;
      case StreamFrame.OPEN:
        return this.#takeOpen(view, source);
      case StreamFrame.ACCEPT:
        if (state === ConnectionState.OPENING) this.#takeAccept(view, source);
        return Verdict.ELICITING;
      case StreamFrame.TOKEN:
        return Verdict.SILENT; // it has done its work
      case StreamFrame.RESET:
        if (state === ConnectionState.OPENING) return Verdict.DROP;
        this.#host.wasReset(view.code, now);
        return Verdict.SILENT;
      case StreamFrame.CLOSE:
        return isOpen ? this.#takeClose(now) : Verdict.DROP;
      case StreamFrame.REBIND:
        if (!isOpen) return Verdict.DROP;
        if (!this.#addresses.takeRebind(view, source, now)) this.#counters.rebindsRefused++;
        return Verdict.ELICITING;
      case StreamFrame.PATH_CHALLENGE:
        if (isOpen) this.#addresses.takeChallenge(view, source);
        return Verdict.SILENT;
      case StreamFrame.PADDING:
        return Verdict.SILENT;
      case StreamFrame.PATH_RESPONSE:
        if (isOpen) this.#takeResponse(view);
        return Verdict.SILENT;
      default:
        return Verdict.DROP;
    }
  }

  #takeData(view: StreamPacketView, now: number): Verdict {
    const outcome = this.#receiver.take(view);
    if (outcome === 'crowded') return Verdict.DROP;
    if (outcome !== 'taken') return this.#violated(outcome, now);
    const { arrivedBytes } = this.#receiver;
    this.#counters.bytesReceived += arrivedBytes;
    if (arrivedBytes > 0) this.#life.noteReadable();
    return Verdict.ELICITING;
  }

  /** The client says OPEN again: our ACCEPT was lost, or it has moved meanwhile. */
  #takeOpen(view: StreamPacketView, source: Dag): Verdict {
    if (!this.#host.isServer) return Verdict.DROP;
    if (this.#life.state !== ConnectionState.ACCEPTING) return Verdict.ELICITING;
    this.#adoptParameters(view);
    this.#path.relocate(source);
    this.#transmitter.request(Control.ACCEPT);
    return Verdict.ELICITING;
  }

  #takeAccept(view: StreamPacketView, source: Dag): void {
    const { ids } = this.#host;
    ids.peerHigh = view.sourceIdHigh;
    ids.peerLow = view.sourceIdLow;
    this.#adoptParameters(view);
    // Only who received our OPEN can name our id: from where it answers is where it is.
    if (source.find(PrincipalType.HID) !== undefined) this.#path.confirm(source);
    this.#host.becomeOpen();
    this.#transmitter.acks.hurry();
  }

  /** Each RETRY is answered by at most one OPEN, and only so many. */
  #takeRetry(view: StreamPacketView, now: number): void {
    if (this.#retries >= MAX_RETRIES) return;
    this.#retries++;
    this.#host.openWith(copyBytes(view.bytes, view.tokenStart, STREAM_RETRY_TOKEN_BYTES), now);
  }

  /** Takes over what the first OPEN or the ACCEPT says. */
  #adoptParameters(view: StreamPacketView): void {
    this.#transmitter.credit.raise(view.windowBytes);
    this.#transmitter.recovery.setMaxAckDelay(view.maxAckDelayMs);
    this.#idle.agree(view.idleTimeoutMs);
  }

  /** The peer is complete, and that is only possible when we are: its last acknowledgement to us was lost. */
  #takeClose(now: number): Verdict {
    if (!this.#receiver.complete || !this.#transmitter.buffer.allSent) return this.#violated(StreamCode.PROTOCOL, now);
    this.#host.complete(now);
    return Verdict.SILENT;
  }

  #takeResponse(view: StreamPacketView): void {
    const from = this.#path.dag;
    if (!this.#path.answered(view.bytes, view.tokenStart)) return;
    this.#counters.peerMoves++;
    this.#life.noteMove(from);
  }

  #violated(code: number, now: number): Verdict {
    this.#host.abort(code, now);
    return Verdict.SILENT;
  }
}
