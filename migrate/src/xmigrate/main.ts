import { runMain } from 'xia-core';
import { xmigrateProgram } from './program.js';

/** Runs `xmigrate` and leaves the process with its exit code. */
export async function main(argv: string[]): Promise<void> {
  await runMain((signal) => xmigrateProgram(signal, argv[2]), argv);
}
