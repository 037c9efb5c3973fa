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

/** What fetches take when nobody says otherwise: the one that their laboratory tables were made with. */
export const DEFAULT_CONGESTION: CongestionName = 'cubic';

/** What connections take when nobody says otherwise; docs/congestion.md has the measurements. */
export const DEFAULT_STREAM_CONGESTION: CongestionName = 'bbr';
