import { Option, type Command } from 'commander';
import { linkPresets, type LinkPresetName } from 'xia-core';
import { changedLink, PLAIN_LINK, type LinkShapes } from './link-text.js';

/** What `addLinkOptions` adds to `command.opts()`. */
export interface LinkOptions {
  readonly preset?: LinkPresetName;
  readonly set?: readonly string[];
  readonly aToB?: readonly string[];
  readonly bToA?: readonly string[];
  readonly seed: number;
}

const LARGEST_SEED = 2 ** 32 - 1;

/** The options of every program that emulates a link: `--preset`, `--set`, `--a-to-b`, `--b-to-a`, `--seed`. */
export function addLinkOptions(command: Command, parseSeed: (minimum: number, maximum: number) => (text: string) => number): Command {
  return command
    .addOption(new Option('--preset <name>', 'a link that has a name').choices(Object.keys(linkPresets)))
    .option('--set <property...>', 'what is different in both directions: loss=1%, rate=200Mbit, ...; "xlink presets" lists them')
    .option('--a-to-b <property...>', 'what is different from a to b only')
    .option('--b-to-a <property...>', 'what is different from b to a only')
    .addOption(new Option('--seed <number>', 'what is lost follows from it').default(1).argParser(parseSeed(0, LARGEST_SEED)));
}

/** @throws XiaError `usage` */
export function linkFromOptions({ preset, set = [], aToB = [], bToA = [] }: LinkOptions, usual: LinkPresetName | undefined): LinkShapes {
  let link = changedLink(PLAIN_LINK, [preset ?? usual ?? '', ...set].join(' '));
  link = changedLink(link, aToB.join(' '), ['there']);
  return changedLink(link, bToA.join(' '), ['back']);
}
