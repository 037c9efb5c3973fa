import { initialWindowBytes, MAX_WINDOW_BYTES, minimumWindowBytes, type AckSample, type CongestionController } from './congestion.js';

/**
 * A window is spread over somewhat less than a round trip (RFC 9002 section 7.7), so that pacing never keeps it from being
 * filled; over half of one while it still doubles.
 */
const PACE_GAIN = 1.25;
const SLOW_START_PACE_GAIN = 2;

/**
 * What controllers have in common that grow until something is lost, and then shrink once for all that was lost in the same
 * round trip (RFC 9002 section 7). They differ in how they grow and shrink.
 */
export abstract class LossBasedController implements CongestionController {
  protected packetSize = 1200;
  protected window = initialWindowBytes(1200);
  /** Slow start ends here. */
  protected thresholdBytes = Infinity;
  #recoveryStartMs = -Infinity;
  #smoothedRttMs = 0;
  #untouched = true;
  /** As it was before the last reduction, for when that was for nothing (RFC 9438 section 4.9). */
  #formerWindow = 0;
  #formerThreshold = Infinity;
  #formerRecoveryStartMs = -Infinity;

  get windowBytes(): number {
    return this.window;
  }

  get paceBytesPerMs(): number {
    if (this.#smoothedRttMs === 0) return Infinity;
    const gain = this.window < this.thresholdBytes ? SLOW_START_PACE_GAIN : PACE_GAIN;
    return (gain * this.window) / this.#smoothedRttMs;
  }

  setPacketBytes(packetBytes: number): void {
    this.packetSize = packetBytes;
    if (this.#untouched) this.window = initialWindowBytes(packetBytes);
    else this.window = Math.max(this.window, minimumWindowBytes(packetBytes));
  }

  sent(_bytes: number, _inFlightBytes: number, _now: number): void {}

  acked(sample: Readonly<AckSample>): void {
    this.#smoothedRttMs = sample.smoothedRttMs;
    if (sample.newestSentMs <= this.#recoveryStartMs || !sample.limited) return;
    this.#untouched = false;
    const grown = this.window < this.thresholdBytes ? this.window + sample.bytes : this.avoid(sample);
    this.window = Math.min(MAX_WINDOW_BYTES, grown);
  }

  lost(_bytes: number, newestSentMs: number, _inFlightBytes: number, now: number): void {
    if (newestSentMs <= this.#recoveryStartMs) return;
    this.#untouched = false;
    this.#formerWindow = this.window;
    this.#formerThreshold = this.thresholdBytes;
    this.#formerRecoveryStartMs = this.#recoveryStartMs;
    this.#recoveryStartMs = now;
    this.window = Math.max(this.reduce(), minimumWindowBytes(this.packetSize));
    this.thresholdBytes = this.window;
  }

  interrupted(bytes: number, newestSentMs: number, inFlightBytes: number, now: number): void {
    this.lost(bytes, newestSentMs, inFlightBytes, now);
  }

  spurious(_now: number): void {
    if (this.#formerWindow <= this.window) return;
    this.window = this.#formerWindow;
    this.thresholdBytes = this.#formerThreshold;
    this.#recoveryStartMs = this.#formerRecoveryStartMs;
    this.#formerWindow = 0;
    this.restore();
  }

  collapsed(now: number): void {
    this.window = minimumWindowBytes(this.packetSize);
    // What else was lost up to now must not lower the threshold from here.
    this.#recoveryStartMs = now;
    // It had never met a full path, so it begins as a new connection does.
    if (this.#formerWindow > 0 && this.#formerThreshold === Infinity) this.thresholdBytes = Infinity;
    this.#formerWindow = 0;
    this.forget();
  }

  reset(_now: number): void {
    this.window = initialWindowBytes(this.packetSize);
    this.thresholdBytes = Infinity;
    this.#recoveryStartMs = -Infinity;
    this.#formerWindow = 0;
    this.#smoothedRttMs = 0;
    this.#untouched = true;
    this.forget();
  }

  /** The window after an acknowledgement in congestion avoidance. */
  protected abstract avoid(sample: Readonly<AckSample>): number;
  /** The window after a loss. */
  protected abstract reduce(): number;
  /** The last {@link reduce} was for nothing: whatever else it changed goes back. */
  protected abstract restore(): void;
  /** The window begins anew, and so does what it grows by. */
  protected abstract forget(): void;
}
