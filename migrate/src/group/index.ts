export { moveGroup } from './move-group.js';
