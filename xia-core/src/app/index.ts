export * from './attach-options.js';
export * from './config-file.js';
export * from './control-client.js';
export * from './control-server.js';
export * from './exit-codes.js';
export * from './line-splitter.js';
export * from './logger.js';
export * from './run-main.js';
