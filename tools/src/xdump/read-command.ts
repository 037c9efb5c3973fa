import { createReadStream } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { ETHERNET_HEADER_BYTES } from 'xia-core';
import { writeOutput } from '../common/write-output.js';
import { decodeFrame, LinkType } from './decode-frame.js';
import { recordJson, recordText } from './describe.js';
import { PcapngReader, type CapturedFrame } from './pcapng-reader.js';
import { frameNeighbour } from './synthetic-mac.js';

const examples = `
Reads what "xdump capture --write" and other programs write: Ethernet, IPv4 and IPv6 with XIP in UDP, and raw XIP (link type USER0).
A frame of something else is printed as "malformed: ..." with what it is.

Examples:
  $ xdump read trace.pcapng
  $ tcpdump -i lo -U -w - udp port 7000 | editcap -F pcapng - - | xdump read --udp-ports 7000 -`;

interface ReadOptions {
  readonly udpPorts?: ReadonlySet<number>;
  readonly json?: true;
}

/** `xdump read`: the packets of a capture file. */
export function readCommand(signal: AbortSignal): Command {
  return new Command('read')
    .description('print the packets of a pcapng file')
    .argument('<file>', 'the file, or "-" for standard input')
    .option('--udp-ports <ports>', 'UDP ports that carry XIP, separated by commas (default: any)', parsePorts)
    .option('--json', 'print a JSON object per packet')
    .addHelpText('after', examples)
    .action(async (path: string, options: ReadOptions) => {
      const reader = new PcapngReader();
      for await (const piece of path === '-' ? process.stdin : createReadStream(path)) {
        for (const frame of reader.push(piece as Uint8Array)) {
          await writeOutput(`${frameLine(frame, options)}\n`, signal);
          if (signal.aborted) return;
        }
      }
      reader.end();
    });
}

/** What is printed of a frame. */
function frameLine(frame: CapturedFrame, { udpPorts, json }: ReadOptions): string {
  const { linkType, interfaceName, wallMs, direction, bytes } = frame;
  const complete = frame.length <= bytes.length;
  const decoded = decodeFrame(linkType, bytes, { complete, ...(udpPorts === undefined ? {} : { udpPorts }) });
  const neighbour = linkType === LinkType.ETHERNET ? frameNeighbour(bytes, direction) : undefined;
  const length = linkType === LinkType.ETHERNET ? Math.max(frame.length - ETHERNET_HEADER_BYTES, 0) : frame.length;
  const facts = { wallMs, face: interfaceName, direction, neighbour, length };
  return json === true ? JSON.stringify(recordJson(facts, decoded)) : recordText(facts, decoded);
}

function parsePorts(text: string): ReadonlySet<number> {
  const ports = text.split(',').map((part) => (/^\d{1,5}$/.test(part.trim()) ? Number(part) : 0));
  if (ports.some((port) => port < 1 || port > 65_535)) throw new InvalidArgumentError('Port numbers from 1 to 65535, separated by commas.');
  return new Set(ports);
}
