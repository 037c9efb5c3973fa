import { initialWindowBytes, MAX_WINDOW_BYTES, minimumWindowBytes, type CongestionController } from './congestion.js';

/** RFC 9438 section 4: the aggressiveness of the cubic, and what remains of the window after a loss. */
const C = 0.4;
const BETA = 0.7;
/** RFC 9438 section 4.3: makes the Reno-friendly window grow as Reno's would. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

/** CUBIC (RFC 9438): after a loss the window grows by time since it, flat around where the loss was, then ever faster. */
export class Cubic implements CongestionController {
  #packetBytes = 1200;
  #windowBytes = initialWindowBytes(1200);
  #thresholdBytes = Infinity;
  #recoveryStartMs = -Infinity;
  #untouched = true;
  /** Window before the last loss, bytes; where the cubic is flat. */
  #plateauBytes = 0;
  /** When this epoch of growth began, NaN before its first acknowledgement; and its K, in seconds. */
  #epochMs = Number.NaN;
  #plateauAfterS = 0;
  #renoBytes = 0;

  get windowBytes(): number {
    return this.#windowBytes;
  }

  setPacketBytes(packetBytes: number): void {
    this.#packetBytes = packetBytes;
    if (this.#untouched) this.#windowBytes = initialWindowBytes(packetBytes);
    else this.#windowBytes = Math.max(this.#windowBytes, minimumWindowBytes(packetBytes));
  }

  acked(bytes: number, sentMs: number, now: number, smoothedRttMs: number, limited: boolean): void {
    if (sentMs <= this.#recoveryStartMs || !limited) return;
    this.#untouched = false;
    if (this.#windowBytes < this.#thresholdBytes) {
      this.#windowBytes = Math.min(MAX_WINDOW_BYTES, this.#windowBytes + bytes);
      return;
    }
    if (Number.isNaN(this.#epochMs)) this.#beginEpoch(now);
    const atS = (now - this.#epochMs + smoothedRttMs) / 1000 - this.#plateauAfterS;
    const cubicBytes = this.#plateauBytes + C * atS * atS * atS * this.#packetBytes;
    const targetBytes = Math.min(Math.max(cubicBytes, this.#windowBytes), 1.5 * this.#windowBytes);
    const alpha = this.#renoBytes >= this.#plateauBytes ? 1 : ALPHA;
    this.#renoBytes += (alpha * this.#packetBytes * bytes) / this.#windowBytes;
    const grownBytes = this.#windowBytes + ((targetBytes - this.#windowBytes) * bytes) / this.#windowBytes;
    this.#windowBytes = Math.min(MAX_WINDOW_BYTES, Math.max(grownBytes, this.#renoBytes));
  }

  lost(sentMs: number, now: number): void {
    if (sentMs <= this.#recoveryStartMs) return;
    this.#untouched = false;
    this.#recoveryStartMs = now;
    this.#epochMs = Number.NaN;
    // Fast convergence: a window that did not get back to the plateau leaves room for newcomers.
    this.#plateauBytes = this.#windowBytes < this.#plateauBytes ? (this.#windowBytes * (1 + BETA)) / 2 : this.#windowBytes;
    this.#windowBytes = Math.max(this.#windowBytes * BETA, minimumWindowBytes(this.#packetBytes));
    this.#thresholdBytes = this.#windowBytes;
  }

  collapsed(): void {
    this.#windowBytes = minimumWindowBytes(this.#packetBytes);
    this.#epochMs = Number.NaN;
    this.#recoveryStartMs = -Infinity;
  }

  reset(): void {
    this.#windowBytes = initialWindowBytes(this.#packetBytes);
    this.#thresholdBytes = Infinity;
    this.#recoveryStartMs = -Infinity;
    this.#epochMs = Number.NaN;
    this.#plateauBytes = 0;
    this.#untouched = true;
  }

  #beginEpoch(now: number): void {
    this.#epochMs = now;
    this.#renoBytes = this.#windowBytes;
    const missing = Math.max(0, this.#plateauBytes - this.#windowBytes) / this.#packetBytes;
    if (missing === 0) this.#plateauBytes = this.#windowBytes;
    this.#plateauAfterS = Math.cbrt(missing / C);
  }
}
