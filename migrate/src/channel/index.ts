export { LentMonitor } from './lent-monitor.js';
export { openMonitor } from './open-monitor.js';
export { readUpward, type Downward, type GoMessage } from './messages.js';
export { ParentChannel } from './parent-channel.js';
