export { DelayQueue } from './delay-queue.js';
export { LinkDirection, type Deliver, type DirectionReport } from './link-direction.js';
