import { Command } from 'commander';
import { runMain } from 'xia-core';
import { captureCommand } from './capture-command.js';
import { decodeCommand } from './decode-command.js';
import { readCommand } from './read-command.js';

const description = `The packet dump of the network: decodes packets, captures them from a running xrouter, and reads and writes pcapng.

Wireshark and tshark read the files with tools/wireshark/xia.lua.`;

const examples = `
Examples:
  $ xdump capture -c R1.yaml --filter xcmp
  $ xdump capture -c R1.yaml --write trace.pcapng
  $ xdump read trace.pcapng
  $ xdump decode --ethernet < frames.txt`;

/** The `xdump` command. */
export async function main(argv: string[]): Promise<void> {
  await runMain(
    (signal) =>
      new Command('xdump')
        .description(description)
        .addCommand(decodeCommand(signal))
        .addCommand(captureCommand(signal))
        .addCommand(readCommand(signal))
        .addHelpText('after', examples),
    argv,
  );
}
