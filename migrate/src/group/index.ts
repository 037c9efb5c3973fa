export { moveGroup } from './move-group.js';
export type { GroupOptions } from './group-schedule.js';
