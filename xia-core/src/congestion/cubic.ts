import type { AckSample } from './congestion.js';
import { LossBasedController } from './loss-based.js';

/** RFC 9438 section 4: the aggressiveness of the cubic, and what remains of the window after a loss. */
const C = 0.4;
const BETA = 0.7;
/** RFC 9438 section 4.3: makes the Reno-friendly window grow as Reno's would. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

/** CUBIC (RFC 9438): after a loss the window grows by time since it, flat around where the loss was, then ever faster. */
export class Cubic extends LossBasedController {
  /** Window before the last loss, bytes; where the cubic is flat. */
  #plateauBytes = 0;
  /** When this epoch of growth began, NaN before its first acknowledgement; and its K, in seconds. */
  #epochMs = Number.NaN;
  #plateauAfterS = 0;
  #renoBytes = 0;
  /** As they were before the last reduction. */
  readonly #former = { plateauBytes: 0, epochMs: Number.NaN, plateauAfterS: 0, renoBytes: 0 };

  protected avoid({ now, bytes, smoothedRttMs }: Readonly<AckSample>): number {
    const { window } = this;
    if (Number.isNaN(this.#epochMs)) this.#beginEpoch(now);
    const atS = (now - this.#epochMs + smoothedRttMs) / 1000 - this.#plateauAfterS;
    const cubicBytes = this.#plateauBytes + C * atS * atS * atS * this.packetSize;
    const targetBytes = Math.min(Math.max(cubicBytes, window), 1.5 * window);
    const alpha = this.#renoBytes >= this.#plateauBytes ? 1 : ALPHA;
    this.#renoBytes += (alpha * this.packetSize * bytes) / window;
    const grownBytes = window + ((targetBytes - window) * bytes) / window;
    return Math.max(grownBytes, this.#renoBytes);
  }

  protected reduce(): number {
    const former = this.#former;
    former.plateauBytes = this.#plateauBytes;
    former.epochMs = this.#epochMs;
    former.plateauAfterS = this.#plateauAfterS;
    former.renoBytes = this.#renoBytes;
    this.#epochMs = Number.NaN;
    // Fast convergence: a window that did not get back to the plateau leaves room for newcomers.
    this.#plateauBytes = this.window < this.#plateauBytes ? (this.window * (1 + BETA)) / 2 : this.window;
    return this.window * BETA;
  }

  protected restore(): void {
    this.#plateauBytes = this.#former.plateauBytes;
    this.#epochMs = this.#former.epochMs;
    this.#plateauAfterS = this.#former.plateauAfterS;
    this.#renoBytes = this.#former.renoBytes;
  }

  protected forget(): void {
    this.#epochMs = Number.NaN;
    if (this.thresholdBytes === Infinity) this.#plateauBytes = 0;
  }

  #beginEpoch(now: number): void {
    this.#epochMs = now;
    this.#renoBytes = this.window;
    const missing = Math.max(0, this.#plateauBytes - this.window) / this.packetSize;
    if (missing === 0) this.#plateauBytes = this.window;
    this.#plateauAfterS = Math.cbrt(missing / C);
  }
}
