import type { AckSample } from '../../../xia-core/src/congestion/congestion.js';
import { newAckSample } from '../../../xia-core/src/congestion/delivery-rate.js';

/** A sample of which only what matters is given. */
export function ackSample(given: Partial<AckSample>): AckSample {
  return { ...newAckSample(), limited: true, ...given };
}
