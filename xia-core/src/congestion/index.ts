export type { CongestionController } from './congestion.js';
export { Cubic } from './cubic.js';
export { NewReno } from './new-reno.js';
export { RttEstimator, type RttOptions } from './rtt-estimator.js';
