export { configSchema, loadConfig, type NameServerConfig } from './xnameserver/config.js';
export { runDaemon, type ReadyLine } from './xnameserver/daemon.js';
export { LmdbRecordStore, type LmdbRecordStoreOptions } from './xnameserver/lmdb-record-store.js';
