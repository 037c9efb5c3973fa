export { ConvergenceGuard } from './convergence-guard.js';
export type { PaceStep } from './convergence-policy.js';
export { expectMove, type Expectation } from './expectation.js';
export type { Estimate } from './pace-meter.js';
export { ShortStop } from './short-stop.js';
