import type { Gauge } from '../bytes/index.js';
import { PrincipalType, type Xid } from '../xid/index.js';
import type { BindingEntry } from './binding-entry.js';
import type { BindingTable } from './binding-table.js';
import type { Patcher } from './patcher.js';

/** Bindings that are spread at a time, and the pause after them: 4096 take a second and a quarter. */
const BATCH = 32;
const PAUSE_MS = 10;
/**
 * A node whose way has broken may notice it a little later than the gateway hears of it. Until then it takes what it is told
 * for a repetition, so it is told again.
 */
const LOOKS_MS = [0, 400, 1200] as const;
/** More ADs than this that turn at about the same time are as good as all. */
const MAX_TURNED = 1024;

interface WayWatcherOptions {
  /** The gateway's own HID. */
  readonly hid: Xid;
  readonly table: BindingTable;
  readonly patcher: Patcher;
  /** The most HIDs that may wait: as many as the table of bindings has. */
  readonly maxWaiting: number;
}

/**
 * Spreads the bindings of those who are bound here anew when the way to a place that they left has turned, so that packets for
 * their old addresses find them along the new way. Only the gateway of a HID does it: from it every node of the new way points
 * to one that points towards the gateway.
 */
export class WayWatcher {
  readonly #options: WayWatcherOptions;
  /** Keys of ADs, and of HIDs that another router of this AD announces. */
  readonly #turned = new Set<string>();
  #isEverything = false;
  readonly #waiting = new Set<Xid>();
  #lookAt = Infinity;
  #looks = 0;
  #turnedAt = -Infinity;
  #spreadAt = Infinity;
  #highWater = 0;
  #refused = 0;

  constructor(options: WayWatcherOptions) {
    this.#options = options;
  }

  /** The ways to these have changed. */
  turned(xids: readonly Xid[], now: number): void {
    for (const xid of xids) {
      if (this.#turned.size >= MAX_TURNED) this.#isEverything = true;
      else if (xid.type === PrincipalType.AD || this.#isBoundHere(this.#options.table.get(xid))) this.#turned.add(xid.key);
    }
    if (this.#turned.size === 0) return;
    this.#turnedAt = now;
    this.#looks = 0;
    this.#lookAt = now;
  }

  nextTimeout(): number {
    return Math.min(this.#lookAt, this.#spreadAt);
  }

  handleTimeout(now: number): void {
    if (now >= this.#lookAt) {
      this.#look(now);
      this.#looks += 1;
      this.#lookAt = this.#turnedAt + (LOOKS_MS[this.#looks] ?? Infinity);
      if (this.#lookAt === Infinity) this.#forget();
    }
    if (now >= this.#spreadAt) this.#spread(now);
  }

  gauges(): Gauge[] {
    const { maxWaiting: bound } = this.#options;
    const [highWater, refused] = [this.#highWater, this.#refused];
    return [{ name: 'bindings to spread anew', unit: 'entries', used: this.#waiting.size, highWater, bound, refused }];
  }

  #forget(): void {
    this.#turned.clear();
    this.#isEverything = false;
  }

  #look(now: number): void {
    for (const entry of this.#options.table.entries()) {
      if (!this.#isBoundHere(entry) || !this.#isTouched(entry)) continue;
      if (this.#waiting.size >= this.#options.maxWaiting) {
        this.#refused++;
        break;
      }
      this.#waiting.add(entry.hid);
    }
    this.#highWater = Math.max(this.#highWater, this.#waiting.size);
    if (this.#waiting.size > 0) this.#spreadAt = Math.min(this.#spreadAt, now);
  }

  #spread(now: number): void {
    let left = BATCH;
    for (const hid of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(hid);
      const entry = this.#options.table.get(hid);
      if (this.#isBoundHere(entry)) this.#options.patcher.spread(entry.proof, entry.hop, now);
    }
    this.#spreadAt = this.#waiting.size > 0 ? now + PAUSE_MS : Infinity;
  }

  #isBoundHere(
    entry: Readonly<BindingEntry> | undefined,
  ): entry is BindingEntry & { hop: NonNullable<BindingEntry['hop']>; proof: NonNullable<BindingEntry['proof']> } {
    if (entry?.hop === undefined || entry.proof === undefined || entry.state === 'draining') return false;
    return entry.proof.binding.router.equals(this.#options.hid);
  }

  #isTouched({ hid, proof }: BindingEntry): boolean {
    if (this.#isEverything || this.#turned.has(hid.key)) return true;
    return proof?.binding.previousAds.some((ad) => this.#turned.has(ad.key)) ?? false;
  }
}
