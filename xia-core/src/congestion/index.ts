export { Bbr } from './bbr.js';
export { BbrPhase } from './bbr-phases.js';
export { initialWindowBytes, MAX_WINDOW_BYTES, minimumWindowBytes, type AckSample, type CongestionController } from './congestion.js';
export { congestionControllers, DEFAULT_CONGESTION, DEFAULT_STREAM_CONGESTION, type CongestionName } from './controllers.js';
export { Cubic } from './cubic.js';
export { DeliveryRate, newAckSample, type DeliveryStamp, type MutableAckSample } from './delivery-rate.js';
export { NewReno } from './new-reno.js';
export { Pacer } from './pacer.js';
export { RttEstimator, type RttOptions } from './rtt-estimator.js';
