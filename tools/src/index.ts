export * from './lab/index.js';
export * from './report/index.js';
export * from './tun-lab/index.js';
export * from './xtestbed/index.js';
