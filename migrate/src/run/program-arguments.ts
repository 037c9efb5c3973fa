import { resolve } from 'node:path';
import { attachAddress } from 'xia-core';
import { ownXmigrate, type MigrationSide, type RunMigrationOptions } from './migration-plan.js';

/** Paths are made absolute: QEMU, whose child reads them, may have been started in another folder. */
function commonArguments(options: RunMigrationOptions, side: MigrationSide, eventsFile: string | undefined): string[] {
  const host = side.host.startsWith('unix:') ? attachAddress(side.host) : side.host;
  const words = ['--vm', options.vm, '--host', host, '--state', resolve(side.stateDirectory)];
  if (eventsFile !== undefined) words.push('--events', resolve(eventsFile));
  if (side.keyFile !== undefined) words.push('--key', resolve(side.keyFile));
  if (side.control !== undefined && options.guest !== undefined) {
    words.push('--host-control', resolve(side.control), '--guest', options.guest.toString());
  }
  if (options.trust !== undefined) words.push('--trust', options.trust);
  if (options.windowBytes !== undefined) words.push('--window', String(options.windowBytes));
  return words;
}

/** What follows `xmigrate send` at the source. `to`: where, unless it is told later. */
export function sendWords(options: RunMigrationOptions, eventsFile: string | undefined, to?: string): string[] {
  const words = commonArguments(options, options.source, eventsFile);
  if (to !== undefined) words.push('--to', to);
  if (options.secretFile !== undefined) words.push('--secret', resolve(options.secretFile));
  if (options.chunkBytes !== undefined) words.push('--chunk', String(options.chunkBytes));
  return words;
}

/** What follows `xmigrate recv` at the destination. */
export function receiveWords(options: RunMigrationOptions, eventsFile: string | undefined): string[] {
  const words = commonArguments(options, options.destination, eventsFile);
  if (options.holdBackBytes !== undefined) words.push('--hold-back', String(options.holdBackBytes));
  return words;
}

/** The command line of the program at the source. */
export function sendArguments(options: RunMigrationOptions, eventsFile: string | undefined, to?: string): string[] {
  return [...(options.xmigrate ?? ownXmigrate()), 'send', ...sendWords(options, eventsFile, to)];
}

/** The command line of the program at the destination. */
export function receiveArguments(options: RunMigrationOptions, eventsFile: string | undefined): string[] {
  return [...(options.xmigrate ?? ownXmigrate()), 'recv', ...receiveWords(options, eventsFile)];
}
