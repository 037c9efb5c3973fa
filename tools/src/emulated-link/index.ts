export { DelayQueue } from './delay-queue.js';
export { LinkDirection, type DirectionOptions, type DirectionReport } from './link-direction.js';
export { addLinkOptions, linkFromOptions, type LinkOptions } from './link-options.js';
export { goFirst } from './priority.js';
export { changedLink, PLAIN_LINK, shapeText, type LinkShapes } from './link-text.js';
