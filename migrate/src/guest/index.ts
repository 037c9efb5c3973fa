export * from './bundle-guest.js';
export * from './guest-config.js';
export * from './guest-image.js';
export { GATEWAY_ADDRESS, GUEST_ADDRESS, GUEST_PREFIX_BITS } from './init-script.js';
export * from './load-guest.js';
export * from './probe-guest.js';
export * from './run-guest.js';
export * from './workload.js';
