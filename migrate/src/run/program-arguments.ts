import { resolve } from 'node:path';
import { ownXmigrate, type MigrationSide, type RunMigrationOptions } from './migration-plan.js';

/** Paths are made absolute: QEMU, whose child reads them, may have been started in another folder. */
function commonArguments(options: RunMigrationOptions, side: MigrationSide, eventsFile: string): string[] {
  const words = ['--vm', options.vm, '--host', side.host, '--state', resolve(side.stateDirectory), '--events', resolve(eventsFile)];
  if (side.keyFile !== undefined) words.push('--key', resolve(side.keyFile));
  if (side.control !== undefined && options.guest !== undefined) {
    words.push('--host-control', resolve(side.control), '--guest', options.guest.toString());
  }
  if (options.trust !== undefined) words.push('--trust', options.trust);
  if (options.windowBytes !== undefined) words.push('--window', String(options.windowBytes));
  return words;
}

/** No shell stays between QEMU and the program, so that each notices when the other has gone. */
function command(options: RunMigrationOptions): string[] {
  return ['exec', ...(options.xmigrate ?? ownXmigrate())];
}

/** The command line that the source QEMU runs. */
export function sendArguments(options: RunMigrationOptions, to: string, eventsFile: string): string[] {
  const words = [...command(options), 'send', ...commonArguments(options, options.source, eventsFile), '--to', to];
  if (options.secretFile !== undefined) words.push('--secret', resolve(options.secretFile));
  if (options.chunkBytes !== undefined) words.push('--chunk', String(options.chunkBytes));
  return words;
}

/** The command line that the destination QEMU runs. */
export function receiveArguments(options: RunMigrationOptions, eventsFile: string): string[] {
  const words = [...command(options), 'recv', ...commonArguments(options, options.destination, eventsFile)];
  if (options.holdBackBytes !== undefined) words.push('--hold-back', String(options.holdBackBytes));
  return words;
}
