export { contentDag, hostDag, linkLocalDag, serviceDag } from './builders.js';
export { Dag } from './dag.js';
export { MAX_DAG_EDGES, MAX_DAG_NODES, type DagNode, type GraphFault } from './graph.js';
export type { TextFault } from './tokens.js';
export { EDGE_VISITED, NO_EDGE, readXid, XIP_NODE_BYTES } from './wire-nodes.js';
