export * from './guest/index.js';
export * from './qemu/index.js';
export * from './run/index.js';
export * from './state/index.js';
