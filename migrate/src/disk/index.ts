export type { DiskOptions } from './disk-check.js';
export type { DiskProgress, DiskResult } from './disk-copy.js';
export { DiskMove } from './disk-move.js';
export { diskModes, type DiskMode } from './disk-plan.js';
