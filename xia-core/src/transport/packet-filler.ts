import type { Dag } from '../dag/index.js';
import { MAX_ACK_RANGES, STREAM_DATA_HEADER_BYTES, STREAM_OPENING_HEADER_BYTES, STREAM_PARAMETER_BYTES } from '../wire/stream.js';
import type { StreamPacketWriter, StreamParameters } from '../wire/stream-writer.js';
import type { AckRanges } from './ack-ranges.js';
import type { AckSchedule } from './ack-schedule.js';
import type { ConnectionIds } from './connection-ids.js';
import type { SendCredit } from './flow-control.js';
import type { LossRecovery } from './loss-recovery.js';
import type { SendBuffer } from './send-buffer.js';

/** What a packet carries besides acknowledgements, as bits. */
export const Control = {
  OPEN: 1,
  ACCEPT: 2,
  MAX_DATA: 4,
  DATA_BLOCKED: 8,
  PING: 16,
  REBIND: 32,
  DATA: 64,
  FIN: 128,
} as const;

/** A REBIND is large; it and all ranges would not fit a small packet. */
const ACK_RANGES_BESIDE_REBIND = 4;

/** What the transmitter needs to know of its connection. */
export interface TransmitterHost {
  readonly localDag: Dag;
  /** OPEN before the peer's id is known, ACCEPT until the peer shows that it knows ours, 0 afterwards. */
  readonly handshake: number;
  readonly parameters: StreamParameters;
  /** Newest REBIND frame. */
  readonly rebindFrame: Uint8Array | undefined;
  /** Raises the peer's credit to what can be kept, and returns it. */
  announceCredit(): number;
}

/** What a packet is filled from. */
export interface PacketContents {
  readonly buffer: SendBuffer;
  readonly credit: SendCredit;
  readonly recovery: LossRecovery;
}

/** Writes the frames of one connection's packets, and knows how much room they take. */
export class PacketFiller {
  readonly #writer: StreamPacketWriter;
  readonly #host: TransmitterHost;
  readonly #ids: ConnectionIds;
  readonly #arrivals: AckRanges;
  readonly #acks: AckSchedule;

  constructor(writer: StreamPacketWriter, host: TransmitterHost, ids: ConnectionIds, arrivals: AckRanges, acks: AckSchedule) {
    this.#writer = writer;
    this.#host = host;
    this.#ids = ids;
    this.#arrivals = arrivals;
    this.#acks = acks;
  }

  /** How many ranges the ACK of a packet has; 0 for none. */
  ackRanges(control: number, handshake: number, packetBytes: number): number {
    if (!this.#acks.pending || handshake === Control.OPEN) return 0;
    const most = (control & Control.REBIND) !== 0 ? ACK_RANGES_BESIDE_REBIND : MAX_ACK_RANGES;
    const fitting = 1 + Math.floor(packetBytes / 4 / 8);
    return Math.min(this.#arrivals.count, most, fitting);
  }

  /** The most that everything but stream bytes takes. */
  headBytes(control: number, ackRanges: number, handshake: number): number {
    let bytes = handshake === 0 ? STREAM_DATA_HEADER_BYTES : STREAM_OPENING_HEADER_BYTES;
    if (ackRanges > 0) bytes += 14 + 8 * (ackRanges - 1);
    if ((control & (Control.OPEN | Control.ACCEPT)) !== 0) bytes += 2 + STREAM_PARAMETER_BYTES;
    if ((control & Control.MAX_DATA) !== 0) bytes += 7;
    if ((control & Control.PING) !== 0) bytes += 1;
    if ((control & Control.REBIND) !== 0) bytes += this.#host.rebindFrame?.length ?? 0;
    return bytes + 7; // for DATA_BLOCKED, which may yet be added
  }

  /** Writes a packet up to the bytes that `buffer` has chosen. @param carried the frames, as bits of {@link Control} */
  write(carried: number, ackRanges: number, { buffer, credit, recovery }: PacketContents, now: number): void {
    const writer = this.#writer;
    const ids = this.#ids;
    const number = recovery.nextPacketNumber;
    if (this.#host.handshake === 0) writer.beginData(ids.peerHigh, ids.peerLow, number);
    else writer.beginOpening(ids.peerHigh, ids.peerLow, ids.localHigh, ids.localLow, number);
    if (ackRanges > 0) this.#writeAck(ackRanges, now);
    if ((carried & Control.OPEN) !== 0) writer.open(this.#host.parameters);
    if ((carried & Control.ACCEPT) !== 0) writer.accept(this.#host.parameters);
    if ((carried & Control.MAX_DATA) !== 0) writer.maxData(this.#host.announceCredit());
    if ((carried & Control.DATA_BLOCKED) !== 0) writer.dataBlocked(credit.limit);
    if ((carried & Control.PING) !== 0) writer.ping();
    const { rebindFrame } = this.#host;
    if ((carried & Control.REBIND) !== 0 && rebindFrame !== undefined) writer.rebind(rebindFrame);
    if ((carried & Control.DATA) !== 0) writer.data(buffer.offset, buffer.length, buffer.fin);
  }

  #writeAck(ranges: number, now: number): void {
    const arrivals = this.#arrivals;
    this.#writer.ack(this.#acks.delayMs(now), ranges, arrivals.first(0), arrivals.last(0));
    for (let i = 1; i < ranges; i++) {
      this.#writer.ackRange(arrivals.first(i - 1), arrivals.first(i), arrivals.last(i));
    }
    this.#acks.sent(now);
  }
}
