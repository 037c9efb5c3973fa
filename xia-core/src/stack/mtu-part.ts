import type { Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { AttachmentInfo } from '../mobility/index.js';
import type { XipView } from '../wire/index.js';
import { PrincipalType, type Xid } from '../xid/index.js';
import type { FaceTable } from './face-table.js';
import { PathMtuTable } from './path-mtu.js';
import { largestMtu } from './role.js';
import { TooBigJudge, type TooBigOptions } from './too-big.js';

/** No face carries more, and a packet to ourselves meets none. */
const LARGEST_MTU = 65_507;

export interface MtuPartOptions extends Omit<TooBigOptions, 'table'> {
  /** Whether a HID is this node's own. */
  readonly isOwn: (hid: Xid) => boolean;
  readonly faces: FaceTable;
  readonly attachment: () => AttachmentInfo | undefined;
}

/** How large packets may be: what the faces say, what beacons tell of the way up, what "too big" messages and transports found out. */
export class MtuPart {
  readonly #options: MtuPartOptions;
  readonly #table = new PathMtuTable();
  readonly #tooBig: TooBigJudge;

  constructor(options: MtuPartOptions) {
    this.#options = options;
    this.#tooBig = new TooBigJudge({ table: this.#table, hasConnection: options.hasConnection, hasChunk: options.hasChunk });
  }

  /** The largest XIP packet that is known to pass towards an address, in bytes. */
  towards(destination: Dag, now: number): number {
    const { isOwn, faces } = this.#options;
    const hid = destination.find(PrincipalType.HID);
    if (hid !== undefined && isOwn(hid)) return LARGEST_MTU;
    const attachment = this.#options.attachment();
    const uplink = attachment === undefined ? largestMtu(faces) : Math.min(faces.mtu(attachment.hop.face), attachment.mtu);
    return Math.min(uplink, this.#table.limit(hid, now));
  }

  /** A transport has found out what passes. */
  found(destination: Dag, mtuBytes: number, now: number): void {
    this.#table.learnTowards(destination, mtuBytes, now);
  }

  /** A datagram or an echo of ours leaves; `bytes` is its XIP packet. */
  sent(destination: Dag, bytes: number): void {
    this.#tooBig.sent(destination, bytes);
  }

  /** Somebody says that the quoted packet met a face with this MTU. */
  tooBig(quote: XipView, destination: Dag, mtu: number, now: number): void {
    this.#tooBig.heard(quote, destination, mtu, now);
  }

  counters(): Record<string, number> {
    return { ...this.#tooBig.counters };
  }

  gauges(): Gauge[] {
    return this.#table.gauges();
  }
}
