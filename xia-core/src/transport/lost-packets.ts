/** More losses than this at a time are not looked at again. */
const CAPACITY = 512;

/** What a packet was that was taken for lost. */
export interface LostPacket {
  readonly number: number;
  readonly sentMs: number;
  readonly lostMs: number;
  readonly bytes: number;
  readonly control: number;
  readonly dataOffset: number;
  readonly dataLength: number;
}

/**
 * Packets that were taken for lost a short while ago, by ascending number: when one of them is acknowledged after all, it was
 * only late. Nothing is allocated before the first loss.
 */
export class LostPackets {
  #packets: LostPacket[] = [];

  get count(): number {
    return this.#packets.length;
  }

  add(packet: LostPacket): void {
    if (this.#packets.length >= CAPACITY) this.#packets.shift();
    this.#packets.push(packet);
  }

  /** Removes those of `[first, last]`, newest first, and tells of each. */
  take(first: number, last: number, each: (packet: LostPacket) => void): void {
    const packets = this.#packets;
    for (let i = packets.length - 1; i >= 0 && packets[i]!.number >= first; i--) {
      if (packets[i]!.number > last) continue;
      const [packet] = packets.splice(i, 1);
      each(packet!);
    }
  }

  /** Forgets what was taken for lost before `sinceMs`. */
  forget(sinceMs: number): void {
    const packets = this.#packets;
    let old = 0;
    while (old < packets.length && packets[old]!.lostMs < sinceMs) old++;
    if (old > 0) packets.splice(0, old);
  }

  clear(): void {
    this.#packets = [];
  }
}
