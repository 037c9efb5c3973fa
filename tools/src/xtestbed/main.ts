import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { ExitCode, ExitRequest, integerArgument, runMain } from 'xia-core';
import { startStandingVm, VM_NAME, type StandingVm } from '../lab/index.js';
import { isRunning } from './processes.js';
import { Testbed, type NodeStatus } from './testbed.js';
import { builtInTopologies, loadTopology, withLinks, withUnderlay } from './topology.js';
import { underlays, type Underlay } from './underlay.js';

interface CommonOptions {
  readonly dir: string;
  readonly json?: true;
}

const dirOption = () => new Option('-d, --dir <folder>', 'the run folder of the testbed').env('XTESTBED_DIR').default('runs/testbed');

function statusLines(nodes: readonly NodeStatus[]): string {
  const rows = nodes.map((node) => [
    node.name,
    node.kind,
    node.ad || '-',
    node.running ? `pid ${node.pid}` : 'not running',
    node.access ?? '-',
    node.peakRssMb === undefined ? '-' : `${node.peakRssMb} MB`,
    node.hid || '-',
    Object.entries(node.vms)
      .map(([name, path]) => `${name}=${path}`)
      .join(' ') || '-',
  ]);
  const header = ['NODE', 'KIND', 'AD', 'PROCESS', 'ATTACH AT', 'PEAK RSS', 'HID', 'VM SOCKETS'];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

async function printStatus(testbed: Testbed, json: true | undefined): Promise<NodeStatus[]> {
  const nodes = await testbed.status();
  if (json) for (const node of nodes) process.stdout.write(`${JSON.stringify(node)}\n`);
  else process.stdout.write(`${statusLines(nodes)}\n`);
  return nodes;
}

interface UpOptions extends CommonOptions {
  readonly wait?: true;
  readonly link?: string;
  readonly links?: Underlay;
}

async function up(topologyName: string, options: UpOptions, signal: AbortSignal): Promise<void> {
  const loaded = await loadTopology(topologyName);
  const linked = options.link === undefined ? loaded : withLinks(loaded, options.link);
  const topology = options.links === undefined ? linked : withUnderlay(linked, options.links);
  const testbed = await Testbed.up(topology, options.dir, { signal });
  await printStatus(testbed, options.json);
  if (!options.wait) return;
  if (!signal.aborted) await once(signal, 'abort');
  await testbed.down();
}

interface BootOptions extends CommonOptions {
  readonly name: string;
  readonly memoryLoad: number;
  readonly incoming?: true;
}

function vmLines({ host, pid, qmp, serial }: StandingVm, what: string): string {
  return `${host} has ${what}\n  pid     ${pid}\n  qmp     ${qmp}\n  serial  ${serial}\n`;
}

async function boot(host: string, options: BootOptions, signal: AbortSignal): Promise<void> {
  const testbed = await Testbed.open(options.dir);
  const { name, memoryLoad } = options;
  const vm = await startStandingVm({
    testbed,
    host,
    ...(options.incoming ? {} : { boot: { name, workloadBytes: memoryLoad * 1e6 } }),
    signal,
  });
  if (options.json) process.stdout.write(`${JSON.stringify(vm)}\n`);
  else process.stdout.write(vmLines(vm, options.incoming ? 'an empty machine that waits for a guest' : `a guest that serves as ${name}`));
}

async function exec(host: string, command: readonly string[], options: CommonOptions, signal: AbortSignal): Promise<void> {
  const testbed = await Testbed.open(options.dir);
  const [name = '', ...args] = command[0] === '--' ? command.slice(1) : command;
  const child = testbed.exec(host, name, args);
  // The terminal sends Ctrl-C to the command as well; SIGTERM is sent to us alone.
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (by !== null || code !== 0) throw new ExitRequest((code ?? ExitCode.FAILED) as ExitCode);
}

async function logs(name: string, options: CommonOptions & { readonly follow?: true }, signal: AbortSignal): Promise<void> {
  const node = (await Testbed.open(options.dir)).node(name);
  let offset = 0;
  const copy = async () => {
    const { size } = await stat(node.logFile).catch(() => ({ size: 0 }));
    if (size <= offset) return;
    for await (const piece of createReadStream(node.logFile, { start: offset, end: size - 1 })) process.stdout.write(piece as Buffer);
    offset = size;
  };
  await (await open(node.logFile, 'a')).close();
  await copy();
  while (options.follow && !signal.aborted) {
    const running = node.process !== undefined && (await isRunning(node.process));
    await delay(200, undefined, { signal }).catch(() => {});
    await copy();
    if (!running) return;
  }
}

/** The `xtestbed` program. */
function program(signal: AbortSignal): Command {
  const command = new Command('xtestbed')
    // What follows "exec HOST --" is not ours to read.
    .enablePositionalOptions()
    .description('Runs a whole XIA network on this machine, one process per node.')
    .addHelpText(
      'after',
      `
Example:
  xtestbed up inter-ad                    # keys, configuration and processes in runs/testbed
  xtestbed exec HOST_C -- xping -c 3 'RE AD:... HID:...'
  xtestbed boot HOST_A                    # a virtual machine, vm.xia
  xtestbed status
  xtestbed down`,
    );
  command
    .command('up')
    .description('generate and start a network')
    .argument('<topology>', `${builtInTopologies.join(', ')}, or a YAML file`)
    .addOption(dirOption())
    .option('--wait', 'stay in the foreground and end the network on Ctrl-C')
    .option('--link <what>', 'emulate the links between routers, as "xlink presets" lists them: wan, "wan loss=1%"')
    .addOption(
      new Option(
        '--links <kind>',
        'how the nodes are linked, but where links are emulated (default: as the topology says, or udp)',
      ).choices(underlays),
    )
    .option('--json', 'one JSON object per node')
    .addHelpText(
      'after',
      '\nExample:\n  xtestbed up inter-ad\n  xtestbed up inter-ad --links unix    # faster, and for this user only\n  xtestbed up inter-ad --link wan',
    )
    .action(async (topology: string, options: UpOptions) => up(topology, options, signal));
  command
    .command('down')
    .description('end the network, and the virtual machines of "boot"')
    .addOption(dirOption())
    .addHelpText('after', '\nExample:\n  xtestbed down')
    .action(async (options: CommonOptions) => (await Testbed.open(options.dir)).down());
  command
    .command('status')
    .description('what runs, where it listens, what it uses; exit 1 when a node is down')
    .addOption(dirOption())
    .option('--json', 'one JSON object per node')
    .addHelpText('after', '\nExample:\n  xtestbed status --json')
    .action(async (options: CommonOptions) => {
      const nodes = await printStatus(await Testbed.open(options.dir), options.json);
      if (nodes.some((node) => !node.running)) throw new ExitRequest(ExitCode.FAILED);
    });
  command
    .command('boot')
    .description("start a virtual machine with the demo's guest on a host of the network; it stands until it is quit or the network ends")
    .argument('<host>', 'a host that has a place for a virtual machine')
    .option('--name <name>', 'the name that the guest registers', VM_NAME)
    .option('--memory-load <MB>', 'memory of the guest that is filled with incompressible data', integerArgument(0, 450), 300)
    .option('--incoming', 'start an empty machine instead, for a guest to be moved to')
    .addOption(dirOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  xtestbed boot HOST_A\n  xtestbed boot HOST_B --incoming')
    .action(async (host: string, options: BootOptions) => boot(host, options, signal));
  command
    .command('exec')
    .description('run a command whose XIA programs attach to a host of the network')
    .argument('<host>')
    .argument('<command...>')
    .passThroughOptions()
    .addOption(dirOption())
    .addHelpText('after', '\nExample:\n  xtestbed exec HOST_C -- xping -c 3 calc.xia')
    .action(async (host: string, words: string[], options: CommonOptions) => exec(host, words, options, signal));
  command
    .command('logs')
    .description("print a node's log")
    .argument('<node>')
    .option('-f, --follow', 'go on while it runs')
    .addOption(dirOption())
    .addHelpText('after', '\nExample:\n  xtestbed logs R1 --follow')
    .action(async (name: string, options: CommonOptions & { readonly follow?: true }) => logs(name, options, signal));
  return command;
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
