export { loadNodeConfig, type NodeConfig } from './xrouter/config.js';
export { runDaemon, type ReadyLine } from './xrouter/daemon.js';
