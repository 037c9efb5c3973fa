import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { ExitCode, ExitRequest, runMain } from 'xia-core';
import { reportJson, reportPlain } from './report.js';

const description = `Check XIA addresses and print them in their canonical forms.

An address is a DAG of XIDs in one of two forms:
  RE ( AD:<40 hex> HID:<40 hex> ) SID:<40 hex>
  DAG 2 0 - AD:<40 hex> 2 1 - HID:<40 hex> 2 - SID:<40 hex>
In an RE, the path in parentheses is the fallback of the XID after it. In a DAG, each list of node numbers says where the
source, and then each node, leads, the first choice first; the last XID is the intent.`;

const examples = `
Prints the RE form, the DAG form, and the 28 bytes of each node as they go on the wire.
Exit code: 0 all were addresses, 1 at least one was refused, 2 wrong usage.

Examples:
  $ xdag 'RE HID:ffffffffffffffffffffffffffffffffffffffff SID:1110000000000000000000000000000000001111'
  $ xdag --json - < addresses.txt`;

/** `xdag`: the canonical text and wire forms of DAG addresses. */
export async function main(argv: string[]): Promise<void> {
  const program = new Command('xdag')
    .description(description)
    .argument('<text...>', 'an address, or "-" for one address per line on standard input')
    .option('--json', 'print a line of JSON per address: {re, dag, wire} or {error, text}')
    .addHelpText('after', examples)
    .action(async (words: string[], options: { json?: boolean }) => {
      const report = options.json === true ? reportJson : reportPlain;
      let refused = 0;
      const show = (text: string): void => {
        const { accepted, text: output } = report(text);
        const stream = accepted || options.json === true ? process.stdout : process.stderr;
        stream.write(`${output}\n`);
        if (!accepted) refused++;
      };
      if (words.length === 1 && words[0] === '-') {
        for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
          if (line.trim() !== '') show(line);
        }
      } else {
        show(words.join(' '));
      }
      if (refused > 0) throw new ExitRequest(ExitCode.FAILED);
    });
  await runMain(program, argv);
}
