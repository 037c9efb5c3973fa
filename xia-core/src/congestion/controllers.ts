import { Bbr } from './bbr.js';
import type { CongestionController } from './congestion.js';
import { Cubic } from './cubic.js';
import { NewReno } from './new-reno.js';

/** The congestion controllers by the names that options give them. */
export const congestionControllers = {
  bbr: () => new Bbr(),
  cubic: () => new Cubic(),
  'new-reno': () => new NewReno(),
} as const satisfies Readonly<Record<string, () => CongestionController>>;

export type CongestionName = keyof typeof congestionControllers;

/** What connections and fetches use unless told otherwise: the best on links that lose packets, and as good on others. */
export const DEFAULT_CONGESTION: CongestionName = 'bbr';
