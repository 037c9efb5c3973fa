import { equalBytes, type Gauge } from '../bytes/index.js';
import type { BeaconMessage } from '../wire/mobility-messages.js';
import type { Beacon } from '../wire/mobility-statements.js';
import type { Xid } from '../xid/index.js';
import type { AttachmentInfo } from './events.js';
import { hopKey, leadsOver, type Hop } from './links.js';
import type { HeardBeacon } from './verify.js';

/** Access points remembered at most, the one silent for longest goes first. */
const MAX_ACCESS_POINTS = 32;
/** Routers keep their interval, links add some jitter to it. */
const MISSED_FACTOR = 1.1;
/** A beacon a little late is not silence. */
const LATE_FACTOR = 1.5;
const BESIDE_INTERVALS = 3;
const LOST_LIFETIMES = 3;

/** A place to attach that was heard: one AD, router and directly attached node, behind one hop. */
export interface AccessPoint {
  readonly key: string;
  readonly hop: Hop;
  accessPoint: Xid;
  beacon: Beacon;
  mtu: number;
  /** Of the nodes that the binding goes through, in the order of the beacon. */
  lives: readonly Uint8Array[];
  /** The newest beacon as received, for relaying. */
  message: BeaconMessage;
  lastHeard: number;
  /** Until then it counts as heard side by side with the present one, so hearing it is no sign of a move. */
  besideUntil: number;
  /** Refusals in a row, and until when it is left alone. */
  refusals: number;
  refusedUntil: number;
}

/** When a new access point on the same face is taken, if the present one has not been heard by then. */
export function missedAt(point: AccessPoint): number {
  return point.lastHeard + MISSED_FACTOR * point.beacon.intervalMs;
}

/** When the next beacon is overdue. */
export function lateAt(point: AccessPoint): number {
  return point.lastHeard + LATE_FACTOR * point.beacon.intervalMs;
}

/** When it counts as silent: another one is taken if there is one. */
export function silentAt(point: AccessPoint): number {
  return point.lastHeard + point.beacon.lifetimeMs;
}

/** When it counts as gone, whether there is another one or not. */
export function lostAt(point: AccessPoint): number {
  return point.lastHeard + LOST_LIFETIMES * point.beacon.lifetimeMs;
}

export function attachmentOf(point: AccessPoint): AttachmentInfo {
  const { beacon, accessPoint, mtu, hop } = point;
  return { ad: beacon.ad, router: beacon.hid, accessPoint, nameServer: beacon.nameServer, mtu, hop };
}

/**
 * Whether to leave `present` for `other`, which was heard just now. `hinted`: something outside says that this node may
 * have moved a moment ago. Two access points that are heard side by side do not make a node flap; a new one on the face
 * where the present one has just missed its turn is what a migrated virtual machine hears.
 */
export function shouldMove(present: AccessPoint, other: AccessPoint, hinted: boolean, now: number): boolean {
  if (now < other.refusedUntil) return false;
  if (present.refusals > 1 && other.refusals === 0) return true;
  if (now > silentAt(present)) return true;
  return isNewHere(present, other, now) && (hinted || now >= missedAt(present));
}

/** Whether nobody on the way has begun anew between two beacons, and so forgotten the bindings of before. */
export function sameLives(before: readonly Uint8Array[], after: readonly Uint8Array[]): boolean {
  return before.length === after.length && before.every((life, index) => equalBytes(life, after[index]!));
}

/** Whether `other` came up on the present one's face, and the two were not heard side by side. */
export function isNewHere(present: AccessPoint, other: AccessPoint, now: number): boolean {
  return other.hop.face === present.hop.face && now > other.besideUntil;
}

/** The access points heard lately. */
export class AccessPointList {
  readonly #points = new Map<string, AccessPoint>();
  #highWater = 0;
  #evicted = 0;

  get(key: string): AccessPoint | undefined {
    return this.#points.get(key);
  }

  /** Takes a valid beacon in. The point becomes the most recent of the list. */
  hear(key: string, hop: Hop, heard: HeardBeacon, message: BeaconMessage, now: number): AccessPoint {
    const known = this.#points.get(key);
    const point: AccessPoint = known ?? {
      key,
      hop,
      accessPoint: heard.accessPoint,
      beacon: heard.beacon,
      mtu: heard.mtu,
      lives: heard.lives,
      message,
      lastHeard: now,
      besideUntil: -Infinity,
      refusals: 0,
      refusedUntil: -Infinity,
    };
    point.beacon = heard.beacon;
    point.mtu = heard.mtu;
    point.lives = heard.lives;
    point.message = message;
    point.lastHeard = now;
    this.#points.delete(key);
    this.#points.set(key, point);
    if (this.#points.size > MAX_ACCESS_POINTS) {
      this.#points.delete(this.#points.keys().next().value!);
      this.#evicted++;
    }
    this.#highWater = Math.max(this.#highWater, this.#points.size);
    return point;
  }

  gauges(): Gauge[] {
    const used = this.#points.size;
    return [{ name: 'access points', unit: 'entries', used, highWater: this.#highWater, bound: MAX_ACCESS_POINTS, refused: this.#evicted }];
  }

  /** Marks those heard since `since` as heard side by side with `present`; wears off after some intervals. */
  markBeside(present: AccessPoint, since: number, now: number): void {
    const until = now + BESIDE_INTERVALS * present.beacon.intervalMs;
    for (const point of this.#points.values()) {
      if (point.key !== present.key && point.lastHeard > since) point.besideUntil = until;
    }
  }

  /** After a move nothing is known yet of what can be heard side by side. */
  forgetBeside(): void {
    for (const point of this.#points.values()) point.besideUntil = -Infinity;
  }

  /** Forgets those that a condition does not hold for. */
  keep(condition: (point: AccessPoint) => boolean): void {
    for (const [key, point] of this.#points) if (!condition(point)) this.#points.delete(key);
  }

  /** Forgets those that are gone. */
  purge(now: number): void {
    for (const [key, point] of this.#points) if (now > lostAt(point)) this.#points.delete(key);
  }

  dropFace(face: number, neighbour: number | undefined): void {
    for (const [key, point] of this.#points) if (leadsOver(point.hop, face, neighbour)) this.#points.delete(key);
  }
}

export function accessPointKey(heard: HeardBeacon, hop: Hop): string {
  return `${heard.beacon.ad.key} ${heard.beacon.hid.key} ${heard.accessPoint.key} ${hopKey(hop)}`;
}
