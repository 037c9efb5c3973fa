import type { Dag } from '../dag/index.js';
import { StreamCode, StreamPacketType, type StreamPacketView } from '../wire/stream.js';
import type { StreamParameters } from '../wire/stream-writer.js';
import type { Xid } from '../xid/index.js';
import { PacketNovelty } from './ack-ranges.js';
import { AddressExchange } from './address-exchange.js';
import { newConnectionCounters } from './connection-counters.js';
import type { ConnectionIds } from './connection-ids.js';
import { ConnectionLife } from './connection-life.js';
import type { ConnectionOwner, ConnectionStart } from './connection-owner.js';
import { FrameIntake, Verdict, type FrameHost } from './frame-intake.js';
import { IdleClock } from './idle-clock.js';
import type { Remains } from './linger.js';
import { PeerPath } from './peer-path.js';
import { Receiver } from './receiver.js';
import { ConnectionState, type ConnectionHandle, type ConnectionStats } from './stream-events.js';
import { Control, type TransmitterHost } from './packet-filler.js';
import { Transmitter } from './transmitter.js';

/** After this many probes without an answer the peer counts as away. */
const SILENT_TIMEOUTS = 2;

/**
 * One connection: what packets and the application do to its state. Frames come in by {@link handlePacket}; packets leave
 * by the {@link Transmitter}. Events are told after a packet was taken in whole, never in the middle of it.
 * What single frames do is with {@link FrameIntake}, what the application hears with {@link ConnectionLife}.
 */
export class Connection implements ConnectionHandle, TransmitterHost, FrameHost {
  readonly id: number;
  readonly ids: ConnectionIds;
  readonly localSid: Xid;
  readonly isServer: boolean;
  readonly openingKey: string | undefined;
  parameters: StreamParameters;
  /** Deadline that the endpoint has set its timer to. */
  wakeAtMs = Infinity;

  readonly #owner: ConnectionOwner<Connection>;
  readonly #counters = newConnectionCounters();
  readonly #path: PeerPath;
  readonly #addresses: AddressExchange;
  readonly #transmitter: Transmitter;
  readonly #receiver: Receiver;
  readonly #life: ConnectionLife;
  readonly #frames: FrameIntake;
  readonly #openDeadlineMs: number;
  readonly #idle: IdleClock;
  #movedWhileOpening = false;

  constructor(owner: ConnectionOwner<Connection>, start: ConnectionStart, now: number) {
    const { settings } = owner;
    const { limits } = settings;
    this.#owner = owner;
    this.id = start.id;
    this.ids = start.ids;
    this.localSid = start.localSid;
    this.isServer = start.isServer;
    this.openingKey = start.openingKey;
    this.#path = new PeerPath(start.peerDag, !start.isServer);
    this.#addresses = new AddressExchange(settings, start.localSid, start.ids, this.#path);
    this.#receiver = new Receiver(limits, owner.receiveBudget, owner.marks);
    this.#idle = new IdleClock(limits.idleTimeoutMs, limits.keepAliveMs, start.isServer, now);
    this.#openDeadlineMs = now + limits.openTimeoutMs;
    this.parameters = {
      sid: start.localSid.id,
      windowBytes: this.#receiver.startWindowBytes,
      idleTimeoutMs: limits.idleTimeoutMs,
      maxAckDelayMs: limits.maxAckDelayMs,
    };
    this.#transmitter = new Transmitter(settings, owner.writer, this, this.ids, this.#path, this.#counters, owner.sendBudget);
    this.#life = new ConnectionLife(owner, this, start.isServer, this.#receiver, this.#transmitter.buffer);
    this.#frames = new FrameIntake(this, {
      idle: this.#idle,
      life: this.#life,
      path: this.#path,
      addresses: this.#addresses,
      transmitter: this.#transmitter,
      receiver: this.#receiver,
      counters: this.#counters,
    });
    if (!start.isServer) this.#transmitter.request(Control.OPEN);
  }

  // ---- what the application sees

  get state(): ConnectionState {
    return this.#life.state;
  }

  get peerDag(): Dag {
    return this.#path.dag;
  }

  get localDag(): Dag {
    return this.#addresses.localDag;
  }

  get stats(): ConnectionStats {
    const { rtt, congestion, recovery, mtu } = this.#transmitter;
    return {
      ...this.#counters,
      rttMs: rtt.smoothedMs,
      minRttMs: rtt.minMs,
      windowBytes: congestion.windowBytes,
      bytesInFlight: recovery.bytesInFlight,
      mtuBytes: mtu.packetBytes,
      blackHoles: mtu.blackHoles,
    };
  }

  write(bytes: Uint8Array, now: number): number {
    if (this.#life.over) return 0;
    const taken = this.#transmitter.buffer.write(bytes);
    this.#owner.marks.sendBytes = Math.max(this.#owner.marks.sendBytes, this.heldBytes);
    if (taken < bytes.length) this.#life.noteFull();
    if (taken > 0) this.flush(now);
    return taken;
  }

  read(maxBytes: number, now: number): Uint8Array | undefined {
    const bytes = this.#receiver.read(maxBytes, this.#transmitter.rtt.smoothedMs, now);
    if (bytes === undefined) return undefined;
    if (this.#receiver.drained) {
      // The end is told later: the caller does not have these bytes yet.
      this.#owner.wake(this, now);
    } else if (!this.#life.over && this.#receiver.owesCredit) {
      this.#transmitter.request(Control.MAX_DATA);
      this.flush(now);
    }
    return bytes;
  }

  end(now: number): void {
    if (this.#life.over || this.#transmitter.buffer.finished) return;
    this.#transmitter.buffer.finish();
    this.flush(now);
  }

  reset(code: number, now: number): void {
    if (this.#life.over) {
      // Ended in order, but not read to its end: the rest is given up.
      this.#receiver.clear();
      this.#life.tellClosed(code >>> 0, 'local');
      return;
    }
    this.abort(code >>> 0, now);
  }

  readable(): number {
    return this.#receiver.readable;
  }

  writable(): number {
    return this.#life.over ? 0 : this.#transmitter.buffer.room;
  }

  // ---- what the transmitter asks

  get handshake(): number {
    if (this.#life.state === ConnectionState.OPENING) return Control.OPEN;
    return this.#life.state === ConnectionState.ACCEPTING ? Control.ACCEPT : 0;
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
    if (this.#life.over) return Infinity;
    const atMs = Math.min(this.#transmitter.nextTimeoutMs, this.#idle.deadlineMs);
    if (this.#life.state !== ConnectionState.OPEN) return Math.min(atMs, this.#openDeadlineMs);
    return Math.min(atMs, this.#keepAliveAtMs, this.#path.challengeAtMs);
  }

  /** Bytes written and not acknowledged. */
  get heldBytes(): number {
    return this.#transmitter.buffer.heldBytes;
  }

  /** Takes a packet for this connection; `view` has checked it. */
  handlePacket(view: StreamPacketView, source: Dag, now: number): void {
    if (this.#life.over) return;
    if (view.hasNoSender) return this.#frames.takeAnswer(view, now);
    const { arrivals, acks, recovery } = this.#transmitter;
    this.#counters.packetsReceived++;
    const number = view.packetNumber;
    const novelty = arrivals.novelty(number);
    if (novelty !== PacketNovelty.NEW) {
      if (novelty === PacketNovelty.SEEN) this.#counters.packetsDuplicate++;
      else this.#counters.packetsRefused++;
      return;
    }
    this.#idle.heard(now);
    this.#path.received(view.bytes.length, source);
    const wasSilent = recovery.timeouts >= SILENT_TIMEOUTS;
    const inFlight = recovery.bytesInFlight;
    recovery.heard();
    if (this.#life.state === ConnectionState.ACCEPTING && view.type === StreamPacketType.DATA) this.becomeOpen();
    const verdict = this.#frames.take(view, source, now);
    if (this.#life.over) return;
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
    if (this.#receiver.drained) this.#life.tellEnd();
    if (this.#life.over) return;
    if (now >= this.#idle.deadlineMs) return this.#giveUp(StreamCode.TIMEOUT, now);
    if (this.#life.state !== ConnectionState.OPEN && now >= this.#openDeadlineMs) {
      return this.#giveUp(StreamCode.OPEN_TIMEOUT, now);
    }
    if (now >= this.#keepAliveAtMs) this.#transmitter.keepAlive();
    this.#path.expire(now);
    this.#transmitter.handleTimeout(now);
    this.flush(now);
  }

  /** We may be somewhere else now: tells the peer, signed, and ends every wait. */
  addressChanged(now: number): void {
    if (this.#life.over) return;
    if (!this.#addresses.relocate()) {
      this.#transmitter.resume(now);
    } else {
      if (this.#life.state === ConnectionState.OPENING) this.#movedWhileOpening = true;
      else this.#stateAddress(now);
      this.#transmitter.pathChanged(now);
    }
    this.flush(now);
  }

  /** The peer says that it does not know the connection. */
  peerForgot(now: number): void {
    if (!this.#life.over) this.#conclude(StreamCode.GONE, 'peer', undefined, now);
  }

  /** Sends what may be sent, and has the timer set. */
  flush(now: number): void {
    if (this.#life.over) return;
    this.#transmitter.flush(now);
    if (this.#life.state === ConnectionState.OPEN) this.#addresses.send(this.#transmitter, now);
    this.#owner.reschedule(this);
  }

  // ---- what frames do to it

  becomeOpen(): void {
    this.#life.open();
    this.#path.confirm(this.#path.dag);
    if (this.isServer) this.#owner.opened(this);
  }

  openWith(token: Uint8Array, now: number): void {
    this.parameters = { ...this.parameters, token };
    this.#transmitter.openAnew();
    this.flush(now);
  }

  wasRefused(code: number, now: number): void {
    this.#conclude(code, 'peer', undefined, now);
  }

  wasReset(code: number, now: number): void {
    this.#conclude(code, 'peer', this.#remains(undefined), now);
  }

  complete(now: number): void {
    this.#retire(this.#remains(undefined), now);
    this.#life.tellNews();
  }

  /** Ends at once, with a RESET if the peer knows the connection. */
  abort(code: number, now: number): void {
    const peerKnows = this.#life.state !== ConnectionState.OPENING;
    this.#conclude(code, 'local', peerKnows ? this.#remains(code) : undefined, now);
  }

  // ---- after a packet, and at the end

  #stateAddress(now: number): void {
    this.#addresses.state();
    this.#transmitter.announceAddress(now);
  }

  /** After a packet was taken in: tells what it brought, then sends. */
  #settle(now: number): void {
    if (this.#life.hasMoved) this.#transmitter.pathChanged(now);
    if (this.#movedWhileOpening && this.#life.state === ConnectionState.OPEN) {
      this.#movedWhileOpening = false;
      this.#stateAddress(now);
    }
    this.#life.tellNews();
    if (this.#life.over) return;
    if (this.#transmitter.buffer.complete && this.#receiver.complete) this.complete(now);
    else this.flush(now);
  }

  /** Ends without a word: the peer is not there. */
  #giveUp(code: number, now: number): void {
    this.#conclude(code, 'local', undefined, now);
  }

  #conclude(code: number, by: 'local' | 'peer', remains: Remains | undefined, now: number): void {
    const wasAnnounced = this.#life.announced;
    this.#receiver.clear();
    this.#retire(remains, now);
    this.#life.close(code, by, wasAnnounced);
  }

  #retire(remains: Remains | undefined, now: number): void {
    this.#life.finish();
    this.#receiver.finish();
    this.#transmitter.buffer.clear();
    this.#transmitter.recovery.clear();
    this.#owner.retire(this, remains, now);
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
    const { recovery, lastElicitingMs } = this.#transmitter;
    if (this.#life.state !== ConnectionState.OPEN || recovery.packetsInFlight > 0) return Infinity;
    return this.#idle.keepAliveAtMs(lastElicitingMs);
  }
}
