import type { Dag } from '../dag/index.js';
import { StreamCode, StreamFrame, StreamPacketType, type StreamPacketView } from '../wire/stream.js';
import type { StreamParameters } from '../wire/stream-writer.js';
import { PrincipalType, type Xid } from '../xid/index.js';
import { PacketNovelty } from './ack-ranges.js';
import { AddressExchange } from './address-exchange.js';
import { newConnectionCounters } from './connection-counters.js';
import type { ConnectionIds } from './connection-ids.js';
import type { ConnectionOwner, ConnectionStart } from './connection-owner.js';
import type { Remains } from './linger.js';
import { PeerPath } from './peer-path.js';
import { Receiver } from './receiver.js';
import { ConnectionState, type ConnectionHandle, type ConnectionStats } from './stream-events.js';
import type { StreamSettings } from './stream-options.js';
import { Control, Transmitter, type TransmitterHost } from './transmitter.js';

/** `writable` is told when this share of the buffer is free again. */
const WRITABLE_SHARE = 4;
/** After this many probes without an answer the peer counts as away. */
const SILENT_TIMEOUTS = 2;
/** The smallest idle timeout that a peer can ask for, ms. */
const MINIMUM_IDLE_MS = 1000;

/**
 * One connection: what packets and the application do to its state. Frames come in by {@link handlePacket}; packets leave
 * by the {@link Transmitter}. Events are told after a packet was taken in whole, never in the middle of it.
 */
export class Connection implements ConnectionHandle, TransmitterHost {
  readonly id: number;
  readonly ids: ConnectionIds;
  readonly localSid: Xid;
  readonly isServer: boolean;
  readonly openingKey: string | undefined;
  readonly parameters: StreamParameters;
  /** Deadline that the endpoint has set its timer to. */
  wakeAtMs = Infinity;

  readonly #owner: ConnectionOwner<Connection>;
  readonly #settings: StreamSettings;
  readonly #counters = newConnectionCounters();
  readonly #path: PeerPath;
  readonly #addresses: AddressExchange;
  readonly #transmitter: Transmitter;
  readonly #receiver: Receiver;
  readonly #openDeadlineMs: number;
  #state: ConnectionState;
  #movedWhileOpening = false;
  #idleTimeoutMs: number;
  #lastReceivedMs: number;
  #wantsWritable = false;
  /** News that are told once the packet was taken in. */
  #openedNews = false;
  #readableNews = false;
  #movedFrom: Dag | undefined;
  #endTold = false;
  /** No packet is sent or taken any more, but what arrived may still be read. */
  #over = false;
  #violation: number | undefined;

  constructor(owner: ConnectionOwner<Connection>, start: ConnectionStart, now: number) {
    const { settings } = owner;
    const { limits } = settings;
    this.#owner = owner;
    this.#settings = settings;
    this.id = start.id;
    this.ids = start.ids;
    this.localSid = start.localSid;
    this.isServer = start.isServer;
    this.openingKey = start.openingKey;
    this.#state = start.isServer ? ConnectionState.ACCEPTING : ConnectionState.OPENING;
    this.#path = new PeerPath(start.peerDag, !start.isServer);
    this.#addresses = new AddressExchange(settings, start.localSid, start.ids, this.#path);
    this.#receiver = new Receiver(limits.receiveWindowBytes, owner.marks);
    this.#idleTimeoutMs = limits.idleTimeoutMs;
    this.#lastReceivedMs = now;
    this.#openDeadlineMs = now + limits.openTimeoutMs;
    this.parameters = {
      sid: start.localSid.id,
      windowBytes: limits.receiveWindowBytes,
      idleTimeoutMs: limits.idleTimeoutMs,
      maxAckDelayMs: limits.maxAckDelayMs,
    };
    this.#transmitter = new Transmitter(settings, owner.writer, this, this.ids, this.#path, this.#counters);
    if (!start.isServer) this.#transmitter.request(Control.OPEN);
  }

  // ---- what the application sees

  get state(): ConnectionState {
    return this.#state;
  }

  get peerDag(): Dag {
    return this.#path.dag;
  }

  get localDag(): Dag {
    return this.#addresses.localDag;
  }

  get stats(): ConnectionStats {
    const { rtt, congestion, recovery } = this.#transmitter;
    return {
      ...this.#counters,
      rttMs: rtt.smoothedMs,
      minRttMs: rtt.minMs,
      windowBytes: congestion.windowBytes,
      bytesInFlight: recovery.bytesInFlight,
    };
  }

  write(bytes: Uint8Array, now: number): number {
    if (this.#over) return 0;
    const taken = this.#transmitter.buffer.write(bytes);
    this.#owner.marks.sendBytes = Math.max(this.#owner.marks.sendBytes, this.heldBytes);
    if (taken < bytes.length) this.#wantsWritable = true;
    if (taken > 0) this.flush(now);
    return taken;
  }

  read(maxBytes: number, now: number): Uint8Array | undefined {
    const bytes = this.#receiver.read(maxBytes);
    if (bytes === undefined) return undefined;
    if (this.#receiver.drained) {
      // The end is told later: the caller does not have these bytes yet.
      this.#owner.wake(this, now);
    } else if (!this.#over && this.#receiver.owesCredit) {
      this.#transmitter.request(Control.MAX_DATA);
      this.flush(now);
    }
    return bytes;
  }

  end(now: number): void {
    if (this.#over || this.#transmitter.buffer.finished) return;
    this.#transmitter.buffer.finish();
    this.flush(now);
  }

  reset(code: number, now: number): void {
    if (this.#over) {
      // Ended in order, but not read to its end: the rest is given up.
      this.#receiver.clear();
      this.#tellClosed(code >>> 0, 'local');
      return;
    }
    this.#abort(code >>> 0, 'local', now);
  }

  readable(): number {
    return this.#receiver.readable;
  }

  writable(): number {
    return this.#over ? 0 : Math.max(0, this.#transmitter.buffer.room);
  }

  // ---- what the transmitter asks

  get handshake(): number {
    if (this.#state === ConnectionState.OPENING) return Control.OPEN;
    return this.#state === ConnectionState.ACCEPTING ? Control.ACCEPT : 0;
  }

  get rebindFrame(): Uint8Array | undefined {
    return this.#addresses.rebindFrame;
  }

  announceCredit(): number {
    return this.#receiver.announceCredit();
  }

  // ---- what the endpoint does

  /** When {@link handleTimeout} wants to be called; `Infinity` when it is over. */
  get nextTimeoutMs(): number {
    if (this.#over) return Infinity;
    const atMs = Math.min(this.#transmitter.nextTimeoutMs, this.#lastReceivedMs + this.#idleTimeoutMs);
    if (this.#state !== ConnectionState.OPEN) return Math.min(atMs, this.#openDeadlineMs);
    return Math.min(atMs, this.#keepAliveAtMs, this.#path.challengeAtMs);
  }

  /** Bytes written and not acknowledged. */
  get heldBytes(): number {
    return this.#transmitter.buffer.heldBytes;
  }

  /** Takes a packet for this connection; `view` has checked it. */
  handlePacket(view: StreamPacketView, source: Dag, now: number): void {
    if (this.#over) return;
    const { arrivals, acks, recovery } = this.#transmitter;
    this.#counters.packetsReceived++;
    const number = view.packetNumber;
    const novelty = arrivals.novelty(number);
    if (novelty !== PacketNovelty.NEW) {
      if (novelty === PacketNovelty.SEEN) this.#counters.packetsDuplicate++;
      else this.#counters.packetsRefused++;
      return;
    }
    this.#lastReceivedMs = now;
    this.#path.received(view.bytes.length, source);
    const wasSilent = recovery.timeouts >= SILENT_TIMEOUTS;
    const inFlight = recovery.bytesInFlight;
    recovery.heard();
    if (this.#state === ConnectionState.ACCEPTING && view.type === StreamPacketType.DATA) this.#becomeOpen();
    const verdict = this.#takeFrames(view, source, now);
    if (this.#over) return;
    if (verdict === Verdict.DROP) {
      this.#counters.packetsRefused++;
    } else {
      const newest = number > arrivals.largest;
      acks.arrived(verdict === Verdict.ELICITING, arrivals.add(number), newest, now);
    }
    // It is back, and does not say what it has: ask now rather than at the next timeout.
    if (wasSilent && recovery.bytesInFlight === inFlight) this.#transmitter.resume(now);
    this.#settle(now);
  }

  handleTimeout(now: number): void {
    if (this.#receiver.drained) this.#tellEnd();
    if (this.#over) return;
    if (now >= this.#lastReceivedMs + this.#idleTimeoutMs) return this.#giveUp(StreamCode.TIMEOUT, now);
    if (this.#state !== ConnectionState.OPEN && now >= this.#openDeadlineMs) {
      return this.#giveUp(StreamCode.OPEN_TIMEOUT, now);
    }
    if (now >= this.#keepAliveAtMs) this.#transmitter.request(Control.PING);
    this.#path.expire(now);
    this.#transmitter.handleTimeout(now);
    this.flush(now);
  }

  /** We may be somewhere else now: tells the peer, signed, and ends every wait. */
  addressChanged(now: number): void {
    if (this.#over) return;
    if (!this.#addresses.relocate()) {
      this.#transmitter.resume(now);
    } else {
      if (this.#state === ConnectionState.OPENING) this.#movedWhileOpening = true;
      else this.#stateAddress(now);
      this.#transmitter.pathChanged(now);
    }
    this.flush(now);
  }

  /** The peer says that it does not know the connection. */
  peerForgot(now: number): void {
    if (!this.#over) this.#conclude(StreamCode.GONE, 'peer', undefined, now);
  }

  /** Sends what may be sent, and has the timer set. */
  flush(now: number): void {
    if (this.#over) return;
    this.#transmitter.flush(now);
    if (this.#state === ConnectionState.OPEN) this.#addresses.send(this.#transmitter, now);
    this.#owner.reschedule(this);
  }

  // ---- frames

  #takeFrames(view: StreamPacketView, source: Dag, now: number): Verdict {
    let verdict: Verdict = Verdict.SILENT;
    while (view.nextFrame()) {
      const one = this.#takeFrame(view, source, now);
      if (this.#over) return Verdict.SILENT;
      if (this.#violation !== undefined) {
        this.#abort(this.#violation, 'local', now);
        return Verdict.SILENT;
      }
      if (one === Verdict.DROP) return Verdict.DROP;
      if (one > verdict) verdict = one;
    }
    return verdict;
  }

  #takeFrame(view: StreamPacketView, source: Dag, now: number): Verdict {
    const { credit } = this.#transmitter;
    // Until it is open, only what opens it counts, and acknowledgements of that.
    const isOpen = this.#state === ConnectionState.OPEN;
    switch (view.frame) {
      case StreamFrame.ACK:
        if (!this.#transmitter.handleAck(view, now)) this.#counters.packetsRefused++;
        return Verdict.SILENT;
      case StreamFrame.DATA:
        return isOpen ? this.#takeData(view) : Verdict.DROP;
      case StreamFrame.MAX_DATA:
        credit.raise(view.limit);
        return Verdict.ELICITING;
      case StreamFrame.DATA_BLOCKED:
        this.#transmitter.request(Control.MAX_DATA);
        return Verdict.ELICITING;
      case StreamFrame.PING:
        return Verdict.ELICITING;
      case StreamFrame.OPEN:
        return this.#takeOpen(view, source);
      case StreamFrame.ACCEPT:
        if (this.#state === ConnectionState.OPENING) this.#takeAccept(view, source);
        return Verdict.ELICITING;
      case StreamFrame.REFUSE:
        if (this.#state === ConnectionState.OPENING) this.#conclude(view.code, 'peer', undefined, now);
        return Verdict.SILENT;
      case StreamFrame.RESET:
        if (this.#state === ConnectionState.OPENING) return Verdict.DROP;
        this.#conclude(view.code, 'peer', this.#remains(undefined), now);
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
      case StreamFrame.PATH_RESPONSE:
        if (isOpen) this.#takeResponse(view);
        return Verdict.SILENT;
      default:
        return Verdict.DROP;
    }
  }

  #takeData(view: StreamPacketView): Verdict {
    const outcome = this.#receiver.take(view);
    if (outcome === 'crowded') return Verdict.DROP;
    if (outcome !== 'taken') {
      this.#violation = outcome;
      return Verdict.DROP;
    }
    const { arrivedBytes } = this.#receiver;
    this.#counters.bytesReceived += arrivedBytes;
    if (arrivedBytes > 0) this.#readableNews = true;
    return Verdict.ELICITING;
  }

  /** The client says OPEN again: our ACCEPT was lost, or it has moved meanwhile. */
  #takeOpen(view: StreamPacketView, source: Dag): Verdict {
    if (!this.isServer) return Verdict.DROP;
    if (this.#state !== ConnectionState.ACCEPTING) return Verdict.ELICITING;
    this.#adoptParameters(view);
    this.#path.relocate(source);
    this.#transmitter.request(Control.ACCEPT);
    return Verdict.ELICITING;
  }

  #takeAccept(view: StreamPacketView, source: Dag): void {
    this.ids.peerHigh = view.sourceIdHigh;
    this.ids.peerLow = view.sourceIdLow;
    this.#adoptParameters(view);
    // Only who received our OPEN can name our id: from where it answers is where it is.
    if (source.find(PrincipalType.HID) !== undefined) this.#path.confirm(source);
    this.#becomeOpen();
    this.#transmitter.acks.hurry();
  }

  /** Takes over what the first OPEN or the ACCEPT says. */
  #adoptParameters(view: StreamPacketView): void {
    this.#transmitter.credit.raise(view.windowBytes);
    this.#transmitter.recovery.setMaxAckDelay(view.maxAckDelayMs);
    const peerIdleMs = Math.max(MINIMUM_IDLE_MS, view.idleTimeoutMs);
    this.#idleTimeoutMs = Math.min(this.#settings.limits.idleTimeoutMs, peerIdleMs);
  }

  #becomeOpen(): void {
    this.#state = ConnectionState.OPEN;
    this.#openedNews = true;
    this.#path.confirm(this.#path.dag);
    if (this.isServer) this.#owner.opened(this);
  }

  /** The peer is complete, and that is only possible when we are: its last acknowledgement to us was lost. */
  #takeClose(now: number): Verdict {
    if (!this.#receiver.complete || !this.#transmitter.buffer.allSent) {
      this.#violation = StreamCode.PROTOCOL;
      return Verdict.DROP;
    }
    this.#complete(now);
    return Verdict.SILENT;
  }

  #takeResponse(view: StreamPacketView): void {
    const from = this.#path.dag;
    if (!this.#path.answered(view.bytes, view.tokenStart)) return;
    this.#counters.peerMoves++;
    this.#movedFrom ??= from;
  }

  #stateAddress(now: number): void {
    this.#addresses.state();
    this.#transmitter.announceAddress(now);
  }

  // ---- events and the end

  /** After a packet was taken in: tells what it brought, then sends. */
  #settle(now: number): void {
    if (this.#movedFrom !== undefined) this.#transmitter.pathChanged(now);
    if (this.#movedWhileOpening && this.#state === ConnectionState.OPEN) {
      this.#movedWhileOpening = false;
      this.#stateAddress(now);
    }
    this.#tellNews();
    if (this.#over) return;
    if (this.#transmitter.buffer.complete && this.#receiver.complete) this.#complete(now);
    else this.flush(now);
  }

  /** Handlers may do anything, so each is told only if the one before has not ended the connection. */
  #tellNews(): void {
    if (this.#openedNews) {
      this.#openedNews = false;
      if (this.isServer) this.#owner.emit({ kind: 'accepted', connection: this, sid: this.localSid });
      else this.#owner.emit({ kind: 'connected', connection: this });
    }
    const from = this.#movedFrom;
    if (from !== undefined && this.#state !== ConnectionState.CLOSED) {
      this.#movedFrom = undefined;
      this.#owner.emit({ kind: 'peer-moved', connection: this, from, to: this.#path.dag });
    }
    if (this.#readableNews && this.#state !== ConnectionState.CLOSED) {
      this.#readableNews = false;
      this.#owner.emit({ kind: 'readable', connection: this });
    }
    if (this.#receiver.drained) this.#tellEnd();
    const { room } = this.#transmitter.buffer;
    if (this.#wantsWritable && !this.#over && room * WRITABLE_SHARE >= this.#settings.limits.sendBufferBytes) {
      this.#wantsWritable = false;
      this.#owner.emit({ kind: 'writable', connection: this });
    }
  }

  /** Both directions have ended and everything has arrived at both sides. */
  #complete(now: number): void {
    const remains = this.#remains(undefined);
    this.#over = true;
    this.#transmitter.buffer.clear();
    this.#transmitter.recovery.clear();
    this.#owner.retire(this, remains, now);
    this.#tellNews();
  }

  #tellEnd(): void {
    if (this.#state === ConnectionState.CLOSED) return;
    if (!this.#endTold) {
      this.#endTold = true;
      this.#owner.emit({ kind: 'end', connection: this });
    }
    if (this.#over) this.#tellClosed(StreamCode.OK, 'local');
  }

  #tellClosed(code: number, by: 'local' | 'peer'): void {
    if (this.#state === ConnectionState.CLOSED) return;
    this.#state = ConnectionState.CLOSED;
    this.#owner.emit({ kind: 'closed', connection: this, code, by });
  }

  /** Ends at once, with a RESET if the peer knows the connection. */
  #abort(code: number, by: 'local' | 'peer', now: number): void {
    const peerKnows = this.#state !== ConnectionState.OPENING;
    this.#conclude(code, by, peerKnows ? this.#remains(code) : undefined, now);
  }

  /** Ends without a word: the peer is not there. */
  #giveUp(code: number, now: number): void {
    this.#conclude(code, 'local', undefined, now);
  }

  #conclude(code: number, by: 'local' | 'peer', remains: Remains | undefined, now: number): void {
    const wasAnnounced = this.#state !== ConnectionState.ACCEPTING && !(this.isServer && this.#openedNews);
    this.#over = true;
    this.#transmitter.buffer.clear();
    this.#transmitter.recovery.clear();
    this.#receiver.clear();
    this.#owner.retire(this, remains, now);
    this.#state = ConnectionState.CLOSED;
    // An opening that never succeeded is nothing to the server's application.
    if (wasAnnounced) this.#owner.emit({ kind: 'closed', connection: this, code, by });
  }

  #remains(resetCode: number | undefined): Remains {
    return {
      ids: this.ids,
      peerDag: this.#path.dag,
      localDag: this.#addresses.localDag,
      nextPacketNumber: this.#transmitter.recovery.nextPacketNumber,
      resetCode,
      openingKey: this.openingKey,
    };
  }

  get #keepAliveAtMs(): number {
    const { keepAliveMs } = this.#settings.limits;
    if (keepAliveMs === 0 || this.#state !== ConnectionState.OPEN) return Infinity;
    if (this.#transmitter.recovery.packetsInFlight > 0) return Infinity;
    return Math.max(this.#lastReceivedMs, this.#transmitter.lastElicitingMs) + keepAliveMs;
  }
}

/** What a frame, or a whole packet, asks of us; the larger wins. */
const Verdict = { DROP: -1, SILENT: 0, ELICITING: 1 } as const;
type Verdict = (typeof Verdict)[keyof typeof Verdict];
