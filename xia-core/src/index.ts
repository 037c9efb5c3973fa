export * from './bytes/index.js';
export * from './xid/index.js';
export * from './dag/index.js';
export * from './wire/index.js';
export * from './congestion/index.js';
export * from './emulation/index.js';
export * from './forwarding/index.js';
export * from './transport/index.js';
export * from './content/index.js';
export * from './mobility/index.js';
export * from './routing/index.js';
export * from './stack/index.js';
export * from './io/index.js';
export * from './node/index.js';
export * from './app/index.js';
// One word means two things here; applications want these.
export type { AttachOptions } from './app/index.js';
export type { PutOutcome } from './content/index.js';
export type { ListenOptions } from './node/index.js';
