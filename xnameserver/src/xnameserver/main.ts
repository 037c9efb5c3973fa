import { Command } from 'commander';
import { addAttachOptions, controlCall, runMain } from 'xia-core';
import { configFromOptions, DEFAULT_CONTROL, loadConfig, type ConfigOverrides } from './config.js';
import { runDaemon } from './daemon.js';
import { listRecords, recordLine } from './list.js';
import { sampleConfig } from './sample.js';

const print = (text: string): void => void process.stdout.write(`${text}\n`);

interface RunOptions extends ConfigOverrides {
  readonly config?: string;
}

async function controlPath({ control, config }: { control?: string; config?: string }): Promise<string> {
  return control ?? (config === undefined ? DEFAULT_CONTROL : (await loadConfig(config)).control);
}

/** The command line, around the signal that stops it. */
export function program(signal: AbortSignal): Command {
  const root = new Command('xnameserver').description('The XIA name server: signed records, name -> DAG, kept on disk');
  const run = root
    .command('run')
    .description('run the name server in the foreground until it is stopped; prints one JSON line when it is ready')
    .option('-c, --config <file>', 'YAML configuration ("xnameserver sample" prints one)')
    .option('--data <dir>', 'folder of the records')
    .option('--control <socket>', `control socket (default: ${DEFAULT_CONTROL})`)
    .addHelpText('after', '\nExample:\n  xnameserver run --host 127.0.0.1:7302 --data ./names');
  addAttachOptions(run, { json: false, keyDefault: 'nameserver.key in the data folder, made when it is missing' }).action(
    async (options: RunOptions, command: Command) => {
      // A default of the command line is no wish: it does not go before the file.
      const isGiven = command.getOptionValueSource('attachTimeout') !== 'default';
      const overrides = isGiven ? options : { ...options, attachTimeout: undefined };
      const config = options.config === undefined ? configFromOptions(overrides) : await loadConfig(options.config, overrides);
      await runDaemon(config, signal, (line) => print(JSON.stringify(line)));
    },
  );
  root
    .command('sample')
    .description('print a commented configuration')
    .addHelpText('after', '\nExample:\n  xnameserver sample > names.yaml')
    .action(() => void process.stdout.write(sampleConfig));
  root
    .command('list')
    .description('print the records of a running name server')
    .option('--control <socket>', 'its control socket')
    .option('-c, --config <file>', 'its configuration, to find the control socket')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  xnameserver list -c names.yaml --json')
    .action(async (options: { control?: string; config?: string; json?: boolean }) => {
      for await (const record of listRecords(await controlPath(options)))
        print(options.json === true ? JSON.stringify(record) : recordLine(record));
    });
  root
    .command('bounds')
    .description('print how full the queues and tables of a running name server are, as JSON')
    .option('--control <socket>', 'its control socket')
    .option('-c, --config <file>', 'its configuration, to find the control socket')
    .addHelpText('after', '\nExample:\n  xnameserver bounds -c names.yaml')
    .action(async (options: { control?: string; config?: string }) => {
      print(JSON.stringify(await controlCall(await controlPath(options), 'bounds')));
    });
  root.addHelpText(
    'after',
    '\nExample:\n  xnameserver run --host 127.0.0.1:7302 --data ./names\n  xnameserver sample > names.yaml\n  xnameserver run -c names.yaml\n  xnameserver list -c names.yaml --json',
  );
  return root;
}

/** The `xnameserver` command. */
export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
