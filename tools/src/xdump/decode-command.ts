import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { fromHex, XiaError } from 'xia-core';
import { writeOutput } from '../common/write-output.js';
import { decodeEthernet, type Decoded } from './decode-frame.js';
import { decodePacket } from './decode-packet.js';
import { recordText } from './describe.js';

const examples = `
Each line is a packet in hexadecimal digits; blank lines and lines that begin with # are passed over.
What cannot be decoded is a line like the others ("malformed: ...", with --json {"error"}), and the exit code is 0.

Example:
  $ xdump decode --ethernet --json < frames.txt`;

/** `xdump decode`: packets in hexadecimal digits on stdin. */
export function decodeCommand(signal: AbortSignal): Command {
  return new Command('decode')
    .description('decode packets given as hexadecimal digits, one a line, on standard input')
    .option('--ethernet', 'the lines are Ethernet frames, not XIP packets')
    .option('--json', 'print a JSON object per packet')
    .addHelpText('after', examples)
    .action(async (options: { ethernet?: true; json?: true }) => {
      for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
        const text = line.trim();
        if (text === '' || text.startsWith('#')) continue;
        const decoded = decodeLine(text, options.ethernet === true);
        await writeOutput(`${options.json === true ? JSON.stringify(decoded) : recordText({}, decoded)}\n`, signal);
        if (signal.aborted) return;
      }
    });
}

function decodeLine(text: string, isEthernet: boolean): Decoded {
  let bytes: Uint8Array;
  try {
    bytes = fromHex(text.replaceAll(/\s+/g, ''));
  } catch (error) {
    if (!(error instanceof XiaError)) throw error;
    return { error: `hexadecimal digits: ${error.message}` };
  }
  return isEthernet ? decodeEthernet(bytes) : decodePacket(bytes);
}
