export { notBegun } from './not-begun.js';
export { openMonitor } from './open-monitor.js';
export { readUpward, type Downward } from './messages.js';
export { ParentChannel } from './parent-channel.js';
