export type { EchoAnswer } from './echo-endpoint.js';
export { FaceTable, type FaceRole, type FaceSpec } from './face-table.js';
export { DEFAULT_HOLD_LIMITS, type HoldLimits } from './hold-buffer.js';
export { NodeStack } from './node-stack.js';
export type { NodeStackOptions, StackEvent } from './node-stack-options.js';
export { MINIMUM_MTU, PathMtuTable } from './path-mtu.js';
export { routeSources, type ChosenRoute, type RouteSource } from './rib.js';
export type { AttachingOptions, RoleOptions, RouterOptions } from './role.js';
