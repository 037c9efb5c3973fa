/** Packets from this node to itself wait here until the one at hand is done, so that no handler is entered twice. */
export class LocalQueue {
  readonly #limitBytes: number;
  #packets: Uint8Array[] = [];
  #bytes = 0;
  dropped = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  push(packet: Uint8Array): void {
    if (this.#bytes + packet.length > this.#limitBytes) {
      this.dropped++;
      return;
    }
    this.#packets.push(packet);
    this.#bytes += packet.length;
  }

  /** All that wait now; what is pushed later is for the next call. */
  takeAll(): readonly Uint8Array[] {
    const packets = this.#packets;
    this.#packets = [];
    this.#bytes = 0;
    return packets;
  }

  get isEmpty(): boolean {
    return this.#packets.length === 0;
  }
}
