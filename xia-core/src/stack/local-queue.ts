import type { Gauge } from '../bytes/index.js';

/** Packets from this node to itself wait here until the one at hand is done, so that no handler is entered twice. */
export class LocalQueue {
  readonly #limitBytes: number;
  readonly #packets: Uint8Array[] = [];
  #first = 0;
  #bytes = 0;
  #highWater = 0;
  #refused = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** False when there is no room. */
  push(packet: Uint8Array): boolean {
    if (this.#bytes + packet.length > this.#limitBytes) {
      this.#refused++;
      return false;
    }
    this.#packets.push(packet);
    this.#bytes += packet.length;
    if (this.#bytes > this.#highWater) this.#highWater = this.#bytes;
    return true;
  }

  /** The packet that waits longest, `undefined` when none does. */
  take(): Uint8Array | undefined {
    const packet = this.#packets[this.#first];
    if (packet === undefined) return undefined;
    this.#bytes -= packet.length;
    this.#first++;
    // Taken ones are let go when all are taken, or when there are many of them.
    if (this.#first === this.#packets.length || this.#first >= 1024) {
      this.#packets.splice(0, this.#first);
      this.#first = 0;
    }
    return packet;
  }

  gauge(): Gauge {
    const [used, highWater, bound, refused] = [this.#bytes, this.#highWater, this.#limitBytes, this.#refused];
    return { name: 'packets to itself', unit: 'bytes', used, highWater, bound, refused };
  }
}
