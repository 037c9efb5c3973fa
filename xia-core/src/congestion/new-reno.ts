import { initialWindowBytes, MAX_WINDOW_BYTES, minimumWindowBytes, type CongestionController } from './congestion.js';

/** RFC 9002 section 7 (NewReno): doubles per round trip up to the first loss, then one packet more per round trip. */
export class NewReno implements CongestionController {
  #packetBytes = 1200;
  #windowBytes = initialWindowBytes(1200);
  #thresholdBytes = Infinity;
  #recoveryStartMs = -Infinity;
  #untouched = true;

  get windowBytes(): number {
    return this.#windowBytes;
  }

  setPacketBytes(packetBytes: number): void {
    this.#packetBytes = packetBytes;
    if (this.#untouched) this.#windowBytes = initialWindowBytes(packetBytes);
    else this.#windowBytes = Math.max(this.#windowBytes, minimumWindowBytes(packetBytes));
  }

  acked(bytes: number, sentMs: number, _now: number, _smoothedRttMs: number, limited: boolean): void {
    if (sentMs <= this.#recoveryStartMs || !limited) return;
    this.#untouched = false;
    const growth = this.#windowBytes < this.#thresholdBytes ? bytes : (this.#packetBytes * bytes) / this.#windowBytes;
    this.#windowBytes = Math.min(MAX_WINDOW_BYTES, this.#windowBytes + growth);
  }

  lost(sentMs: number, now: number): void {
    if (sentMs <= this.#recoveryStartMs) return;
    this.#untouched = false;
    this.#recoveryStartMs = now;
    this.#windowBytes = Math.max(this.#windowBytes / 2, minimumWindowBytes(this.#packetBytes));
    this.#thresholdBytes = this.#windowBytes;
  }

  collapsed(): void {
    this.#windowBytes = minimumWindowBytes(this.#packetBytes);
    this.#recoveryStartMs = -Infinity;
  }

  reset(): void {
    this.#windowBytes = initialWindowBytes(this.#packetBytes);
    this.#thresholdBytes = Infinity;
    this.#recoveryStartMs = -Infinity;
    this.#untouched = true;
  }
}
