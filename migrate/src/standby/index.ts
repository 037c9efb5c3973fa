export { StandbyService, type StandbyEvent } from './standby-service.js';
export { runWorker } from './worker.js';
