import type { Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { PrincipalType, type Xid } from '../xid/index.js';

const CAPACITY = 1024;
/** RFC 8201: a lowered path MTU is tried again after ten minutes. */
const LIFETIME_MS = 600_000;
/** XIP header with the largest usual addresses and a useful payload; a smaller claim is refused. */
export const MINIMUM_MTU = 576;

interface PathMtuEntry {
  mtu: number;
  expiresMs: number;
}

/**
 * What is known of the largest XIP packet towards a host, learnt from XCMP "too big".
 *
 * XIP has no fragmentation, so this is how a sender behind a jumbo face learns of the small face at the other end.
 */
export class PathMtuTable {
  readonly #entries = new Map<string, PathMtuEntry>();
  #highWater = 0;
  #evicted = 0;

  /** The limit towards `hid` in bytes, `Infinity` when none was learnt. */
  limit(hid: Xid | undefined, now: number): number {
    if (hid === undefined) return Infinity;
    const entry = this.#entries.get(hid.key);
    if (entry === undefined) return Infinity;
    if (entry.expiresMs > now) return entry.mtu;
    this.#entries.delete(hid.key);
    return Infinity;
  }

  /** Notes the limit towards the host of an address, if it names one. */
  learnTowards(destination: Dag, mtu: number, now: number): void {
    const hid = destination.find(PrincipalType.HID);
    if (hid !== undefined) this.learn(hid, mtu, now);
  }

  /** Notes a "too big". Returns true when the limit became smaller. */
  learn(hid: Xid, mtu: number, now: number): boolean {
    if (mtu < MINIMUM_MTU || mtu >= this.limit(hid, now)) return false;
    this.#entries.delete(hid.key);
    if (this.#entries.size >= CAPACITY) {
      const oldest = this.#entries.keys().next().value;
      if (oldest !== undefined) this.#entries.delete(oldest);
      this.#evicted++;
    }
    this.#entries.set(hid.key, { mtu, expiresMs: now + LIFETIME_MS });
    this.#highWater = Math.max(this.#highWater, this.#entries.size);
    return true;
  }

  gauges(): Gauge[] {
    const used = this.#entries.size;
    return [{ name: 'path MTUs', unit: 'entries', used, highWater: this.#highWater, bound: CAPACITY, refused: this.#evicted }];
  }
}
