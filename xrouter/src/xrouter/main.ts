import { Argument, Command, Option } from 'commander';
import {
  controlCall,
  createIdentity,
  loadIdentity,
  nodeViews,
  PrincipalType,
  runMain,
  XiaError,
  xidOf,
  type Hangups,
  type NodeView,
} from 'xia-core';
import { loadNodeConfig } from './config.js';
import { runDaemon } from './daemon.js';
import { reportText, type ReloadReport } from './reloader.js';
import { hostSample, routerSample } from './sample.js';
import { viewTable } from './view-table.js';

const print = (text: string) => process.stdout.write(`${text}\n`);

async function controlPath(options: { control?: string; config?: string }): Promise<string> {
  if (options.control !== undefined) return options.control;
  if (options.config === undefined) throw new XiaError('usage', 'which daemon? Give --control SOCKET or --config FILE');
  const { control } = await loadNodeConfig(options.config);
  if (control === undefined) throw new XiaError('usage', `${options.config} names no control socket`);
  return control;
}

/** The command line, around the signal that stops it. */
export function program(signal: AbortSignal, hangups: Hangups): Command {
  const root = new Command('xrouter').description('An XIA router or host: forwards packets, sends beacons, keeps bindings, caches chunks');
  root
    .command('run')
    .description('run the daemon in the foreground until it is stopped; SIGHUP makes it read its configuration again')
    .requiredOption('-c, --config <file>', 'YAML configuration ("xrouter sample" prints one)')
    .addHelpText('after', '\nExample:\n  xrouter run -c R1.yaml')
    .action(async (options: { config: string }) => {
      const { config: file } = options;
      await runDaemon(await loadNodeConfig(file), signal, (line) => print(JSON.stringify(line)), { file, hangups });
    });
  root
    .command('reload')
    .description('make a running daemon read its configuration again, and print what changed')
    .option('--control <socket>', "the daemon's control socket")
    .option('-c, --config <file>', "the daemon's configuration, to find its control socket")
    .option('--dry-run', 'print what would change, and change nothing')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  xrouter reload -c R1.yaml --dry-run\n  xrouter reload -c R1.yaml')
    .action(async (options: { control?: string; config?: string; dryRun?: boolean; json?: boolean }) => {
      const params = { dryRun: options.dryRun === true };
      const report = (await controlCall(await controlPath(options), 'reload', params)) as ReloadReport;
      print(options.json === true ? JSON.stringify(report) : reportText(report));
    });
  root
    .command('sample')
    .description('print a commented configuration')
    .addArgument(new Argument('[role]', 'of a router or of a host').choices(['router', 'host']).default('router'))
    .addHelpText('after', '\nExample:\n  xrouter sample host > HOST_A.yaml')
    .action((role: string) => {
      process.stdout.write(role === 'router' ? routerSample : hostSample);
    });
  root
    .command('check')
    .description('check a configuration file and do nothing else')
    .argument('<file>')
    .addHelpText('after', '\nExample:\n  xrouter check R1.yaml')
    .action(async (file: string) => {
      const config = await loadNodeConfig(file);
      print(`${file}: ${config.role} ${config.name}, ${config.faces.length} faces`);
    });
  root
    .command('show')
    .description('print a table of a running daemon')
    .addArgument(new Argument('<what>', 'which table').choices(nodeViews))
    .option('--control <socket>', "the daemon's control socket")
    .addOption(new Option('-c, --config <file>', "the daemon's configuration, to find its control socket"))
    .option('--json', 'print JSON, with more about faces than the table has')
    .addHelpText('after', '\nExample:\n  xrouter show routes -c R1.yaml')
    .action(async (what: NodeView, options: { control?: string; config?: string; json?: boolean }) => {
      const rows = await controlCall(await controlPath(options), 'show', { what });
      print(options.json === true ? JSON.stringify(rows) : viewTable(what, rows));
    });
  root
    .command('info')
    .description('say who a running daemon is')
    .option('--control <socket>', "the daemon's control socket")
    .option('-c, --config <file>', "the daemon's configuration, to find its control socket")
    .addHelpText('after', '\nExample:\n  xrouter info -c R1.yaml')
    .action(async (options: { control?: string; config?: string }) => {
      print(JSON.stringify(await controlCall(await controlPath(options), 'info')));
    });
  for (const [name, what] of [
    ['fence', 'refuse a guest that was given away: its copy here has its key as well'],
    ['unfence', 'let a guest attach here again'],
  ] as const) {
    root
      .command(name)
      .description(what)
      .argument('<hid>', 'HID of the guest')
      .option('--control <socket>', "the daemon's control socket")
      .option('-c, --config <file>', "the daemon's configuration, to find its control socket")
      .addHelpText('after', `\nExample:\n  xrouter ${name} -c HOST_A.yaml HID:1234567890123456789012345678901234567890`)
      .action(async (hid: string, options: { control?: string; config?: string }) => {
        print(JSON.stringify(await controlCall(await controlPath(options), name, { hid })));
      });
  }
  root
    .command('key')
    .description('make a key for --key in a new file, and print the HID that it stands for')
    .argument('<file>', 'PEM file, for its owner only; an existing one is never overwritten')
    .option('--show', 'print the HID of the key that is there')
    .addHelpText('after', '\nExample:\n  xrouter key calc.key\n  xrouter key --show calc.key')
    .action(async (file: string, options: { show?: true }) => {
      const identity = options.show === true ? await loadIdentity(file) : await createIdentity(file);
      print(xidOf(PrincipalType.HID, identity).toString());
    });
  root.addHelpText('after', '\nExample:\n  xrouter sample > R1.yaml\n  xrouter run -c R1.yaml\n  xrouter show routes -c R1.yaml');
  return root;
}

/** The `xrouter` command. */
export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
