import type { Dag } from '../dag/index.js';
import { STREAM_DATA_FRAME_BYTES, STREAM_DATA_HEADER_BYTES, STREAM_PADDING_FRAME_BYTES, type StreamPacketView } from '../wire/stream.js';
import type { StreamPacketWriter } from '../wire/stream-writer.js';
import { xipHeaderBytes } from '../wire/xip.js';
import { AckRanges } from './ack-ranges.js';
import { AckSchedule } from './ack-schedule.js';
import type { CongestionController } from '../congestion/congestion.js';
import type { BufferBudget } from './buffer-budget.js';
import type { ConnectionCounters } from './connection-counters.js';
import type { ConnectionIds } from './connection-ids.js';
import { SendCredit } from './flow-control.js';
import { LossRecovery, MTU_PROBE, type RecoverySink } from './loss-recovery.js';
import { Control, PacketFiller, type TransmitterHost } from './packet-filler.js';
import type { PeerPath } from './peer-path.js';
import { BASE_MTU, LEAST_MTU, MtuSearch } from '../congestion/mtu-search.js';
import { Pacer } from '../congestion/pacer.js';
import { RttEstimator } from '../congestion/rtt-estimator.js';
import { SendBuffer } from './send-buffer.js';
import type { StreamSettings } from './stream-options.js';

/** Said again when the packet is lost. PING has served by then, and DATA_BLOCKED has a timer of its own. */
const REPEATED = Control.OPEN | Control.ACCEPT | Control.MAX_DATA | Control.REBIND;
const WHILE_OPEN = Control.MAX_DATA | Control.DATA_BLOCKED | Control.PING | Control.REBIND;
/** After this many probes without an answer they become small, then smaller: the path may no longer carry large packets. */
const LARGE_PROBES = 1;
const BASE_PROBES = 4;
/** What follows the head of an MTU probe. */
const PADDING = new Uint8Array(0xffff);
/** RFC 9002 section 6.2.4: two, so that the loss of one does not double the wait; only one when they become small. */
const PROBES = 2;
/** Even where the face says less, packets are this large. */
const MINIMUM_PACKET_BYTES = 320;

/** How a packet is filled. */
const Fill = {
  /** As much as may go. */
  NORMAL: 0,
  /** Stream bytes whatever the congestion window says. */
  PROBE: 1,
  /** No stream bytes: small, so that it passes any path. */
  CONTROL: 2,
} as const;
type Fill = (typeof Fill)[keyof typeof Fill];

/**
 * Sends the packets of one connection: acknowledgements, control frames, stream bytes, as far as congestion window, pacer,
 * credit and anti-amplification allow; and hears what became of them.
 */
export class Transmitter implements RecoverySink {
  readonly rtt = new RttEstimator();
  readonly buffer: SendBuffer;
  readonly credit = new SendCredit();
  readonly arrivals = new AckRanges();
  readonly acks: AckSchedule;
  readonly recovery: LossRecovery;
  readonly congestion: CongestionController;
  /** How large XIP packets may be. */
  readonly mtu = new MtuSearch();
  readonly #pacer = new Pacer();
  readonly #settings: StreamSettings;
  readonly #writer: StreamPacketWriter;
  readonly #filler: PacketFiller;
  readonly #host: TransmitterHost;
  readonly #ids: ConnectionIds;
  readonly #path: PeerPath;
  readonly #counters: ConnectionCounters;
  #pending = 0;
  #flushing = false;
  /** The congestion window or the pacer ended the last flush. */
  #limited = false;
  /** When the pacer lets the next packet go; `Infinity` when it did not stop any. */
  #paceAtMs = Infinity;
  #packetBytes = 0;
  /** Of XIP, as measured with {@link #packetBytes}. */
  #headerBytes = 0;
  #lastElicitingMs = -Infinity;
  /** Probes since something of ours was acknowledged, whatever the peer has said meanwhile. */
  #unansweredProbes = 0;
  /** When the newest REBIND was made, until one sent since then is acknowledged. */
  #rebindSinceMs = Infinity;

  constructor(
    settings: StreamSettings,
    writer: StreamPacketWriter,
    host: TransmitterHost,
    ids: ConnectionIds,
    path: PeerPath,
    counters: ConnectionCounters,
    sendBudget: BufferBudget,
  ) {
    this.#settings = settings;
    this.#writer = writer;
    this.#host = host;
    this.#ids = ids;
    this.#path = path;
    this.#counters = counters;
    this.buffer = new SendBuffer(settings.limits.startBufferBytes, settings.limits.sendBufferBytes, sendBudget);
    this.acks = new AckSchedule(settings.limits.maxAckDelayMs, this.rtt);
    this.congestion = settings.congestion();
    this.#filler = new PacketFiller(writer, host, ids, this.arrivals, this.acks);
    this.recovery = new LossRecovery(this.rtt, this, {
      maxAckDelayMs: settings.limits.maxAckDelayMs,
      timeoutCapMs: settings.limits.probeCapMs,
    });
  }

  /** When a packet that the peer must acknowledge last went out. */
  get lastElicitingMs(): number {
    return this.#lastElicitingMs;
  }

  /** When {@link handleTimeout} wants to be called. */
  get nextTimeoutMs(): number {
    const { recovery } = this;
    const ackMs = this.#host.handshake === 0 ? this.acks.deadlineMs : Infinity;
    return Math.min(recovery.lossAtMs, recovery.probeAtMs, ackMs, this.credit.probeAtMs, this.#paceAtMs);
  }

  /** Says these control frames with the next packet. */
  request(control: number): void {
    this.#pending |= control;
  }

  /**
   * Says where we are with a packet of its own, and with every probe from now on until the peer has heard it: the peer can
   * answer nothing before.
   */
  announceAddress(now: number): void {
    this.#rebindSinceMs = now;
    this.#pending |= Control.REBIND;
    this.#packetBytes = this.#measurePacket(now);
    this.#transmit(now, Fill.CONTROL);
  }

  /** Takes the ACK frame that `view` stands at. False when it is nonsense. */
  handleAck(view: StreamPacketView, now: number): boolean {
    const ackedBytes = this.recovery.acknowledged(view, now);
    if (ackedBytes < 0) return false;
    if (ackedBytes > 0) this.#unansweredProbes = 0;
    if (this.recovery.spurious) this.congestion.spurious(now);
    this.#detectLoss(now);
    if (ackedBytes === 0) return true;
    this.congestion.acked(this.recovery.sample(this.#limited, now));
    this.buffer.fit(this.congestion.windowBytes);
    return true;
  }

  handleTimeout(now: number): void {
    if (this.recovery.lossAtMs <= now) this.#detectLoss(now);
    else if (this.recovery.probeAtMs <= now) this.probe(now);
    if (this.credit.probeAtMs <= now) {
      this.#pending |= Control.DATA_BLOCKED;
      this.credit.block(now);
    }
  }

  /**
   * Sends one packet, or two if there are bytes, whatever the congestion window says, to hear whether the peer is there
   * (RFC 9002 section 6.2.4).
   */
  probe(now: number): void {
    this.recovery.timedOut(now);
    this.#counters.probes++;
    this.#unansweredProbes++;
    const probes = this.#unansweredProbes > LARGE_PROBES ? 1 : PROBES;
    this.recovery.repeatOldest(probes);
    // What an opening packet said cannot be said any more when the opening is over, and would keep the probe from leaving.
    this.#pending &= WHILE_OPEN | this.#host.handshake;
    if (this.#rebindSinceMs !== Infinity) this.#pending |= Control.REBIND;
    if ((this.#pending & REPEATED) === 0 && !this.buffer.hasLost && !this.buffer.hasNew) this.#pending |= Control.PING;
    this.#packetBytes = this.#measurePacket(now);
    this.#transmit(now, Fill.PROBE);
    for (let i = 1; i < probes && (this.buffer.hasLost || this.buffer.hasNew); i++) this.#transmit(now, Fill.PROBE);
  }

  /** The path is another one, or may be: what was learnt of the old one does not count, and silence ends now. */
  pathChanged(now: number): void {
    this.congestion.reset(now);
    this.mtu.reset();
    this.#unansweredProbes = 0;
    this.#pacer.reset();
    this.recovery.pathChanged();
    this.rtt.reset();
    this.resume(now);
  }

  /** Ends the back-off and, when something is outstanding, probes at once. */
  resume(now: number): void {
    this.recovery.heard();
    if (this.recovery.packetsInFlight === 0) return;
    this.probe(now);
    this.recovery.heard();
  }

  /** Nothing was said for long and nothing is in flight: says PING, and keeps no memory of busier times. */
  keepAlive(): void {
    this.recovery.clear();
    this.request(Control.PING);
  }

  /** Says OPEN again; what became of the one before means nothing for the path. */
  openAnew(): void {
    this.recovery.clear();
    this.recovery.heard();
    this.request(Control.OPEN);
  }

  /** Sends all that may go. Calls within a call return at once: the outer one sees what they added. */
  flush(now: number): void {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      this.#packetBytes = this.#measurePacket(now);
      this.#paceAtMs = Infinity;
      while (this.#transmit(now, Fill.NORMAL));
      if (this.mtu.wantsProbe && this.recovery.packetsInFlight > 0 && this.#host.handshake === 0) this.#probeMtu(now);
    } finally {
      this.#flushing = false;
    }
  }

  packetAcked(control: number, dataOffset: number, dataLength: number, sentMs: number, bytes: number): void {
    if ((control & MTU_PROBE) !== 0) {
      this.mtu.probeAcked(dataLength);
      return this.#tellMtu();
    }
    this.mtu.acked(bytes + this.#headerBytes, sentMs);
    if ((control & Control.REBIND) !== 0 && sentMs >= this.#rebindSinceMs) this.#rebindSinceMs = Infinity;
    if ((control & (Control.DATA | Control.FIN)) === 0) return;
    this.buffer.acknowledge(dataOffset, dataLength, (control & Control.FIN) !== 0);
  }

  packetLost(control: number, dataOffset: number, dataLength: number, bytes: number): void {
    if ((control & MTU_PROBE) !== 0) {
      if (bytes > 0) this.mtu.probeLost(dataLength);
      return this.#tellMtu();
    }
    if (bytes > 0) {
      this.#counters.packetsLost++;
      this.mtu.lost(bytes + this.#headerBytes, this.recovery.newestLostMs);
    }
    this.#pending |= control & REPEATED;
    if ((control & (Control.DATA | Control.FIN)) === 0) return;
    this.buffer.lose(dataOffset, dataLength, (control & Control.FIN) !== 0);
  }

  /** Sends a packet of path frames, which are not acknowledged, to any address. `writeFrames` is called once. */
  sendApart(destination: Dag, token: Uint8Array, isChallenge: boolean, now: number): void {
    const writer = this.#writer;
    writer.beginData(this.#ids.peerHigh, this.#ids.peerLow, this.recovery.nextPacketNumber);
    if (isChallenge) writer.pathChallenge(token);
    else writer.pathResponse(token);
    this.recovery.sent(now, 0, 0, 0, 0);
    this.#counters.packetsSent++;
    this.#settings.output({ destination, source: this.#host.localDag, payload: [writer.finish()] });
  }

  #detectLoss(now: number): void {
    const { recovery, congestion } = this;
    const lostBytes = recovery.detect(now);
    if (lostBytes === 0) return;
    if (recovery.interrupted) congestion.interrupted(lostBytes, recovery.newestLostMs, recovery.bytesInFlight, now);
    else congestion.lost(lostBytes, recovery.newestLostMs, recovery.bytesInFlight, now);
    if (recovery.persistent) congestion.collapsed(now);
  }

  #measurePacket(now: number): number {
    const destination = this.#path.dag;
    this.mtu.limit(this.#settings.mtu(destination), now);
    this.#headerBytes = xipHeaderBytes(destination, this.#host.localDag);
    const bytes = Math.min(this.mtu.packetBytes, this.#largestInDoubt) - this.#headerBytes;
    const packetBytes = Math.max(MINIMUM_PACKET_BYTES, Math.min(bytes, 0xffff));
    if (packetBytes !== this.#packetBytes) {
      this.congestion.setPacketBytes(packetBytes);
      this.#pacer.setPacketBytes(packetBytes);
    }
    return packetBytes;
  }

  #tellMtu(): void {
    const { foundBytes } = this.mtu;
    if (foundBytes > 0) this.#settings.onPathMtu?.(this.#path.dag, foundBytes);
  }

  /** A packet of the size that is tried, with nothing in it that could be missed. The congestion window does not hold it back. */
  #probeMtu(now: number): void {
    const size = this.mtu.nextProbe;
    const paddingBytes = size - this.#headerBytes - STREAM_DATA_HEADER_BYTES - 1 - STREAM_PADDING_FRAME_BYTES;
    if (paddingBytes < 0) return;
    const writer = this.#writer;
    writer.beginData(this.#ids.peerHigh, this.#ids.peerLow, this.recovery.nextPacketNumber);
    writer.ping();
    writer.padding(paddingBytes);
    const payload = [writer.finish(), PADDING.subarray(0, paddingBytes)];
    const bytes = size - this.#headerBytes;
    this.recovery.sent(now, bytes, MTU_PROBE, 0, size);
    this.mtu.probeSent();
    this.#counters.mtuProbes++;
    this.#counters.packetsSent++;
    this.#pacer.sent(bytes);
    this.congestion.sent(bytes, this.recovery.bytesInFlight, now);
    this.#settings.output({ destination: this.#path.dag, source: this.#host.localDag, payload });
  }

  /** While probes stay unanswered everything is small, acknowledgements and what they ride on included. */
  get #largestInDoubt(): number {
    if (this.#unansweredProbes <= LARGE_PROBES) return Infinity;
    return this.#unansweredProbes > BASE_PROBES ? LEAST_MTU : BASE_MTU;
  }

  /** Whether another packet with stream bytes may go now. */
  #mayCarryData(now: number): boolean {
    const { congestion } = this;
    const inFlight = this.recovery.bytesInFlight;
    // In doubt only probes go: what they leave over of a larger packet waits for an answer.
    if (this.#unansweredProbes > LARGE_PROBES && inFlight > 0) return false;
    if (inFlight > 0 && inFlight + this.#packetBytes > congestion.windowBytes) return false;
    const atMs = this.#pacer.nextSendMs(now, congestion.paceBytesPerMs, congestion.windowBytes);
    if (this.#pacer.overslept) this.recovery.noteSenderLimited();
    if (atMs <= now) return true;
    this.#paceAtMs = atMs;
    return false;
  }

  /** Fills and sends one packet. False when there is nothing to send, or it may not go. */
  #transmit(now: number, fill: Fill): boolean {
    const host = this.#host;
    const handshake = host.handshake;
    const control = this.#pending & (handshake === 0 ? WHILE_OPEN : handshake);
    const ackRanges = this.#filler.ackRanges(control, handshake, this.#packetBytes);
    const headBytes = this.#filler.headBytes(control, ackRanges, handshake);
    const hasData = handshake === 0 && fill !== Fill.CONTROL && this.#chooseData(this.#packetBytes - headBytes, fill === Fill.PROBE, now);
    // Blocking is found out while choosing.
    const saying = control | (this.#pending & (handshake === 0 ? Control.DATA_BLOCKED : 0));
    if (!hasData && saying === 0 && (ackRanges === 0 || !this.acks.isDue(now))) return false;
    if (!this.#path.allows(headBytes)) return false;
    const carried = saying | (hasData ? Control.DATA | (this.buffer.fin ? Control.FIN : 0) : 0);
    this.#filler.write(carried, ackRanges, this, now);
    this.#dispatch(carried, now);
    return true;
  }

  #chooseData(spaceBytes: number, probe: boolean, now: number): boolean {
    const { buffer, credit } = this;
    if (!buffer.hasLost && !buffer.hasNew) return this.#lacksData();
    if (!probe && !this.#mayCarryData(now)) {
      this.#limited = true;
      return false;
    }
    const roomBytes = spaceBytes - STREAM_DATA_FRAME_BYTES;
    if (roomBytes < 1) return false;
    if (buffer.choose(roomBytes, credit.limit)) return true;
    if (!credit.blocked) {
      credit.block(now);
      this.#pending |= Control.DATA_BLOCKED;
    }
    return this.#lacksData();
  }

  /** There is nothing to send, or no credit for it. */
  #lacksData(): false {
    this.#limited = false;
    if (this.recovery.bytesInFlight + this.#packetBytes <= this.congestion.windowBytes) this.recovery.noteSenderLimited();
    return false;
  }

  /** Notes the written packet everywhere before it leaves, because `output` may bring the answer within its call. */
  #dispatch(carried: number, now: number): void {
    const { buffer } = this;
    const payload = [this.#writer.finish()];
    let bytes = payload[0]!.length;
    if ((carried & Control.DATA) !== 0) {
      bytes += buffer.length;
      this.#counters.bytesSent += buffer.length;
      if (buffer.again) this.#counters.bytesResent += buffer.length;
      buffer.take(payload);
      this.recovery.sent(now, bytes, carried, buffer.offset, buffer.length);
    } else {
      this.recovery.sent(now, carried === 0 ? 0 : bytes, carried, 0, 0);
    }
    if (carried !== 0) {
      this.#lastElicitingMs = now;
      this.#pacer.sent(bytes);
      this.congestion.sent(bytes, this.recovery.bytesInFlight, now);
    }
    this.#pending &= ~carried;
    this.#counters.packetsSent++;
    this.#path.sent(bytes);
    this.#settings.output({ destination: this.#path.dag, source: this.#host.localDag, payload });
  }
}
