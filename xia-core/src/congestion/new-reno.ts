import type { AckSample } from './congestion.js';
import { LossBasedController } from './loss-based.js';

/** RFC 9002 section 7 (NewReno): doubles per round trip up to the first loss, then one packet more per round trip. */
export class NewReno extends LossBasedController {
  protected avoid({ bytes }: Readonly<AckSample>): number {
    return this.window + (this.packetSize * bytes) / this.window;
  }

  protected reduce(): number {
    return this.window / 2;
  }

  protected restore(): void {}

  protected forget(): void {}
}
