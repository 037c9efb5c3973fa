import { QemuProcess, type QemuOptions } from '../../../migrate/src/qemu/qemu-process.js';

/** A launcher to be killed: starts the QEMU of its argument, prints the pid, and waits for it. */
const qemu = await QemuProcess.start(JSON.parse(process.argv[2] ?? '{}') as QemuOptions);
process.stdout.write(`${qemu.pid}\n`);
await qemu.exited;
