import { Command } from 'commander';
import { CaptureFilter, integerArgument, MAX_SNAPLEN, MIN_SNAPLEN, XiaError } from 'xia-core';
import { writeOutput } from '../common/write-output.js';
import { controlPath } from './control-path.js';
import { decodePacket } from './decode-packet.js';
import { recordJson, recordText } from './describe.js';
import { LiveCapture, type CaptureCounts } from './live-capture.js';
import { openSink, PcapngOutput, type OutputPacket } from './pcapng-output.js';

const examples = `
A filter is words: in, out; face NAME; xcmp, dgram, chunk, stream, next NUMBER; host XID. Words of one kind are alternatives, and one
of each kind that is named must hold. Packets that this program is too slow for are dropped by the daemon and counted at the end.
Exit code: 130 after Ctrl-C, 0 when the daemon ended or COUNT packets have come, 1 when it broke off before.

Examples:
  $ xdump capture -c R1.yaml
  $ xdump capture -c R1.yaml --face access --filter "in xcmp" -n 10
  $ xdump capture -c HOST_A.yaml --filter "chunk host HID:2000000000000000000000000000000000000002" --write chunks.pcapng
  $ xdump capture -c R1.yaml --write - | wireshark -k -i - -X lua_script:xia.lua`;

interface CaptureCommandOptions {
  readonly control?: string;
  readonly config?: string;
  readonly face?: string;
  readonly filter?: string;
  readonly write?: string;
  readonly count?: number;
  readonly snaplen: number;
  readonly json?: true;
}

/** `xdump capture`: the packets of a running daemon. */
export function captureCommand(signal: AbortSignal): Command {
  return new Command('capture')
    .description('print or write the packets that come in and leave by the faces of a running xrouter')
    .option('--control <socket>', "the daemon's control socket")
    .option('-c, --config <file>', "the daemon's configuration, to find its control socket")
    .option('--face <name>', 'only packets of this face')
    .option('--filter <words>', 'only packets that match, see below')
    .option('--write <file>', 'write pcapng to a file, or to standard output with "-", instead of printing')
    .option('-n, --count <number>', 'stop after so many packets', integerArgument(1, Number.MAX_SAFE_INTEGER))
    .option('--snaplen <bytes>', 'how much of each packet is captured', integerArgument(MIN_SNAPLEN, MAX_SNAPLEN), MAX_SNAPLEN)
    .option('--json', 'print a JSON object per packet')
    .addHelpText('after', examples)
    .action(async (options: CaptureCommandOptions) => capture(options, signal));
}

async function capture(options: CaptureCommandOptions, signal: AbortSignal): Promise<void> {
  if (options.json === true && options.write !== undefined)
    throw new XiaError('usage', '--json prints packets, --write writes them: choose one');
  if (options.write === '-' && process.stdout.isTTY) throw new XiaError('usage', '--write -: pcapng is nothing for a terminal; use a pipe');
  const filter = [options.face === undefined ? '' : `face ${options.face}`, options.filter ?? ''].join(' ').trim();
  // A mistake is told before anything is opened; the daemon reads the same text.
  CaptureFilter.parse(filter);
  const { snaplen, count = Infinity } = options;
  using live = await LiveCapture.begin(await controlPath(options), { filter, snaplen });
  const output =
    options.write === undefined ? undefined : await PcapngOutput.begin(await openSink(options.write), live.faces, live.snaplen);
  process.stderr.write(`xdump: listening on ${live.faces.map(({ name }) => name).join(', ')}; Ctrl-C ends it\n`);
  const counts = await live.run(count, signal, async (packet) => {
    if (output !== undefined) await output.packet(packet);
    else await writeOutput(`${packetLine(packet, options.json === true)}\n`, signal);
  });
  await output?.end(counts.faces);
  process.stderr.write(`${summaryOf(counts)}\n`);
  const isShort = counts.captured < count && count !== Infinity;
  if (!signal.aborted && (counts.reason === 'broken' || isShort))
    throw new XiaError('control-failed', 'the daemon ended before the capture did');
}

/** What is printed of a packet. */
function packetLine({ bytes, ...facts }: OutputPacket, asJson: boolean): string {
  const decoded = decodePacket(bytes, bytes.length >= facts.length);
  return asJson ? JSON.stringify(recordJson(facts, decoded)) : recordText(facts, decoded);
}

function summaryOf({ captured, faces, reason }: CaptureCounts): string {
  const dropped = faces.reduce((sum, face) => sum + face.dropped, 0);
  const lost = reason === 'broken' ? 'the daemon could not say how many it dropped' : `${dropped} dropped by the daemon`;
  return `${captured} ${captured === 1 ? 'packet' : 'packets'} captured, ${lost}${reason === 'daemon' ? '; the daemon has ended' : ''}`;
}
