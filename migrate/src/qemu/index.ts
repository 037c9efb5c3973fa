export * from './accelerator.js';
export * from './detached-qemu.js';
export * from './migration.js';
export type { QemuPlacement } from './prepare-qemu.js';
export * from './qemu-arguments.js';
export * from './qemu-process.js';
export * from './qmp-client.js';
export { QEMU_BINARY } from './qemu-version.js';
export type { QemuVersion, QmpEvent } from './qmp-messages.js';
