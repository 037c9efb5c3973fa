export { notBegun } from './not-begun.js';
export { LineLink } from './line-link.js';
export { openMonitor } from './open-monitor.js';
export { readOrder, readUpward, type Downward, type Order, type Upward } from './messages.js';
export { ParentChannel } from './parent-channel.js';
export type { ParentLink } from './parent-link.js';
