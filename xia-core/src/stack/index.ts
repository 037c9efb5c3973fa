export type { EchoAnswer } from './echo-endpoint.js';
export { FaceTable, type FaceRole, type FaceSpec } from './face-table.js';
export { NodeStack, type NodeStackOptions, type StackEvent } from './node-stack.js';
export { MINIMUM_MTU, PathMtuTable } from './path-mtu.js';
export type { AttachingOptions, RoleOptions, RouterOptions } from './role.js';
