import type { Gauge } from '../bytes/index.js';
import type { Xid } from '../xid/index.js';
import type { AnnouncementView, LinkStateOptions, RoutingNeighbour } from './options.js';

/** The link-state routing of one router. */
export class LinkStateRouting {
  readonly counters = { toJSON: (): Record<string, number> => ({}) };

  constructor(_options: LinkStateOptions) {}

  /** A datagram to SID_ROUTING. `wallNow` is milliseconds since 1970. */
  handleMessage(_face: number, _neighbour: number, _payload: Uint8Array, _now: number, _wallNow: number): void {}

  /** A HID is reachable through this router: told to the routers of our AD. */
  setHost(_hid: Xid, _sequence: number, _now: number): void {}

  removeHost(_hid: Xid, _now: number): void {}

  /** A face, or only one neighbour of it, is gone. */
  faceRemoved(_face: number, _now: number, _neighbour?: number): void {}

  nextTimeout(): number {
    return Infinity;
  }

  handleTimeout(_now: number, _wallNow: number): void {}

  *neighbours(_now: number): Iterable<RoutingNeighbour> {
    yield* [];
  }

  /** The announcements that this router knows, its own among them. */
  *lsdb(_now: number): Iterable<AnnouncementView> {
    yield* [];
  }

  gauges(): Gauge[] {
    return [];
  }
}
