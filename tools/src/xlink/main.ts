import { once } from 'node:events';
import { Command, Option } from 'commander';
import { controlCall, ControlServer, integerArgument, linkPresets, parseHostPort, runMain, shapeKeys } from 'xia-core';
import { writeJsonLine } from '../common/json-output.js';
import { addLinkOptions, goFirst, linkFromOptions, type LinkOptions } from '../emulated-link/index.js';
import { controlMethods, directions, type Direction } from './control.js';
import { linkLines, reportText } from './print.js';
import { UdpLink, type UdpLinkReport } from './udp-link.js';

interface RunOptions extends LinkOptions {
  readonly a: string;
  readonly b: string;
  readonly listenA: string;
  readonly listenB: string;
  readonly control?: string;
  readonly keepCorrupted?: true;
  readonly offload: boolean;
  readonly json?: true;
}

interface ControlOptions {
  readonly control: string;
  readonly json?: true;
}

const controlOption = () => new Option('--control <path>', 'the control socket of the link').env('XLINK_CONTROL');

/** An `ADDRESS:PORT` as it was given. @throws XiaError `bad-endpoint` */
function endpoint(text: string): string {
  parseHostPort(text);
  return text;
}

async function run(options: RunOptions, signal: AbortSignal): Promise<void> {
  goFirst();
  await using link = await UdpLink.open({
    ...options,
    link: linkFromOptions(options, undefined),
    keepsCorrupted: options.keepCorrupted === true,
    offload: options.offload ? 'auto' : 'off',
    onFault: (error) => process.stderr.write(`xlink: ${error.message}\n`),
  });
  await using control = options.control === undefined ? undefined : await ControlServer.listen(options.control, controlMethods(link));
  const { a, b } = link.addresses;
  if (options.json) writeJsonLine({ ready: true, name: 'xlink', a, b, ...(control === undefined ? {} : { control: control.path }) });
  else process.stdout.write(`${linkLines(link.link)}a ${options.a} sends to ${a}, b ${options.b} sends to ${b}\n`);
  if (!signal.aborted) await once(signal, 'abort');
  const report = await link.report();
  if (options.json) writeJsonLine({ type: 'summary', ...report });
  else process.stdout.write(reportText(report));
}

async function show({ control, json }: ControlOptions): Promise<void> {
  const { link, ...report } = (await controlCall(control, 'show')) as UdpLinkReport & { link: { aToB: string; bToA: string } };
  if (json) writeJsonLine({ link, ...report });
  else process.stdout.write(`a to b: ${link.aToB}\nb to a: ${link.bToA}\n${reportText(report)}`);
}

function presets(json: true | undefined): void {
  for (const [name, { description, there, back }] of Object.entries(linkPresets)) {
    if (json) writeJsonLine({ name, description, there, back });
    else process.stdout.write(`${name.padEnd(17)}${description}\n`);
  }
  if (json) return;
  process.stdout.write('\nproperties:\n');
  for (const { name, meaning } of shapeKeys) process.stdout.write(`${name.padEnd(17)}${meaning.replaceAll('`', '')}\n`);
}

/** The `xlink` program. */
function program(signal: AbortSignal): Command {
  const command = new Command('xlink').description('Emulates a link between two UDP endpoints: rate, delay, loss and more, from a seed.');
  command.addHelpText(
    'after',
    `
Example:
  xlink --a 127.0.0.1:7001 --b 127.0.0.1:7002 --listen-a 127.0.0.1:7011 --listen-b 127.0.0.1:7012 --preset wan --set loss=1%
  # the program at 7001 has 127.0.0.1:7011 as its peer, the one at 7002 has 127.0.0.1:7012`,
  );
  const runCommand = command
    .command('run', { isDefault: true })
    .description('be a link until Ctrl-C, and print what it did')
    .requiredOption('--a <addr:port>', 'the UDP endpoint at one end', endpoint)
    .requiredOption('--b <addr:port>', 'the one at the other end', endpoint)
    .option('--listen-a <addr:port>', 'where a sends to', endpoint, '127.0.0.1:0')
    .option('--listen-b <addr:port>', 'where b sends to', endpoint, '127.0.0.1:0');
  addLinkOptions(runCommand, integerArgument)
    .addOption(controlOption())
    .option('--keep-corrupted', 'hand packets with a flipped bit on, with a right UDP checksum')
    .option('--no-offload', 'never several datagrams in one system call; for datagrams that are not XIP packets')
    .option('--json', 'one JSON object when it is ready, and one at the end')
    .addHelpText('after', '\nExample:\n  xlink run --a 127.0.0.1:7001 --b 127.0.0.1:7002 --preset loss1 --control /tmp/link.ctl')
    .action(async (options: RunOptions) => run(options, signal));
  const controlled = (name: string, description: string, example: string) =>
    command
      .command(name)
      .description(description)
      .addOption(controlOption().makeOptionMandatory())
      .addHelpText('after', `\nExample:\n  xlink ${example}`);
  controlled('show', 'what a running link is and has done', 'show --control /tmp/link.ctl')
    .option('--json', 'one JSON object')
    .action(show);
  controlled('set', 'change a running link', 'set --control /tmp/link.ctl loss=5%')
    .argument('<words...>', 'a preset, or properties; "none" takes one away')
    .addOption(new Option('--direction <which>', 'what is changed').choices(directions).default('both'))
    .action(async (words: string[], { control, direction }: ControlOptions & { readonly direction: Direction }) => {
      await controlCall(control, 'set', { text: words.join(' '), direction });
    });
  for (const [name, what] of [
    ['down', 'let nothing pass'],
    ['up', 'let packets pass again'],
  ] as const) {
    controlled(name, what, `${name} --control /tmp/link.ctl`).action(async ({ control }: ControlOptions) => {
      await controlCall(control, name);
    });
  }
  command
    .command('presets')
    .description('the links that have a name, and the properties of links')
    .option('--json', 'one JSON object a preset')
    .addHelpText('after', '\nExample:\n  xlink presets')
    .action(({ json }: { readonly json?: true }) => presets(json));
  return command;
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
