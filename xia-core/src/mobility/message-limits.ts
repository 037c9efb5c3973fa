import { NeighbourLimiter, type Gauge } from '../bytes/index.js';
import { KeyedRateLimiter } from '../bytes/rate-limiter.js';
import type { MobilityLimits } from './mobility-options.js';

const MAX_LIMITED_HIDS = 8192;
/** Of one neighbour: what costs a signature or a beacon. */
const ASKED_PER_SECOND = 20;
const SOLICIT_FACE_SHARES = 64;

/** How much of each kind is looked at, by neighbour or by HID. */
export class MessageLimits {
  readonly hopLimiter: NeighbourLimiter;
  readonly patchLimiter: NeighbourLimiter;
  readonly prepareLimiter: NeighbourLimiter;
  readonly solicitLimiter: NeighbourLimiter;
  readonly hidLimiter: KeyedRateLimiter;

  constructor({ messagesPerSecond: rate = 1000, bindingsPerSecond = 20 }: MobilityLimits) {
    this.hopLimiter = new NeighbourLimiter({ ratePerSecond: rate, burst: rate });
    this.patchLimiter = new NeighbourLimiter({ ratePerSecond: 2 * rate, burst: 2 * rate });
    const asked = { ratePerSecond: ASKED_PER_SECOND, burst: ASKED_PER_SECOND };
    this.prepareLimiter = new NeighbourLimiter(asked);
    this.solicitLimiter = new NeighbourLimiter({ ...asked, faceShares: SOLICIT_FACE_SHARES });
    this.hidLimiter = new KeyedRateLimiter({ ratePerSecond: bindingsPerSecond, burst: bindingsPerSecond, maxKeys: MAX_LIMITED_HIDS });
  }

  gauges(): Gauge[] {
    return [
      this.hopLimiter.gauge('message budgets'),
      this.patchLimiter.gauge('patch budgets'),
      this.prepareLimiter.gauge('prepare budgets'),
      this.solicitLimiter.gauge('solicit budgets'),
      this.hidLimiter.gauge('binding budgets'),
    ];
  }
}
