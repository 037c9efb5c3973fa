export { groupRoomFindings } from './group-room.js';
export { moveGroup } from './move-group.js';
