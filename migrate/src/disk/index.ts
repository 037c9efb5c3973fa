export { lookAtDisks, type DiskOptions } from './disk-check.js';
export type { DiskProgress, DiskResult } from './disk-copy.js';
export { DiskMove } from './disk-move.js';
export { copiedBytes, diskModes, type DiskMode, type DiskPlan } from './disk-plan.js';
