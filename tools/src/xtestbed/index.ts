export * from './machines.js';
export * from './processes.js';
export * from './programs.js';
export { Testbed, type NodeStatus } from './testbed.js';
export type { TestbedNode, TestbedState } from './state-file.js';
export { adRoutes, builtInTopologies, loadTopology, topologySchema, withLinks, withUnderlay, type Topology } from './topology.js';
export { underlays, type Underlay } from './underlay.js';
