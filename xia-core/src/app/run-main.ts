import { setMaxListeners } from 'node:events';
import { constants } from 'node:os';
import { CommanderError, type Command } from 'commander';
import { XiaError } from '../bytes/index.js';
import { collectRarely } from './collector.js';
import { ExitCode, exitCodeOf } from './exit-codes.js';

/**
 * A program, or a function that makes one around the signal that is aborted by Ctrl-C and SIGTERM. A daemon gives `hangups` a
 * handler: then SIGHUP is for that one, and stops nothing.
 */
export type Program = Command | ((signal: AbortSignal, hangups: Hangups) => Command | Promise<Command>);

/** Who gets SIGHUP, while somebody wants it. */
export class Hangups {
  #handler: (() => void) | undefined;

  /** From now on SIGHUP calls the handler. */
  handle(handler: () => void): void {
    this.#handler = handler;
  }

  /** Passes a SIGHUP on. False when nobody wants it. */
  deliver(): boolean {
    this.#handler?.();
    return this.#handler !== undefined;
  }
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** An action throws this to end its program with a code of its choice and no message (it has printed what there is). */
export class ExitRequest extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** Makes commander throw instead of exiting, in every subcommand, so that one place decides the exit code. */
function overrideExit(command: Command): void {
  command.exitOverride();
  command.showHelpAfterError('(--help shows the options)');
  for (const subcommand of command.commands) overrideExit(subcommand);
}

function reportError(name: string, error: unknown): ExitCode {
  if (error instanceof ExitRequest) return error.exitCode;
  // Commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  const code = exitCodeOf(error);
  if (code === ExitCode.INTERNAL) {
    process.stderr.write(`${name}: internal error\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return code;
  }
  process.stderr.write(`${name}: ${(error as Error).message}\n`);
  if (process.env['XIA_DEBUG'] !== undefined) process.stderr.write(`${(error as Error).stack ?? ''}\n`);
  return code;
}

/**
 * Runs a program to its end and gives its exit code, without leaving the process.
 *
 * SIGINT, SIGTERM and SIGHUP (unless the program handles that one) abort the program's signal; its action then cleans up and
 * returns or throws, and the code is 130 or 143 whatever it did. A second signal leaves at once. A closed stdout (`xping ... | head`) aborts as well.
 */
export async function runProgram(program: Program, argv: readonly string[]): Promise<ExitCode> {
  const controller = new AbortController();
  // Everything that a program has open listens to it; many listeners are no leak here.
  setMaxListeners(0, controller.signal);
  let stoppedBy: (typeof stopSignals)[number] | undefined;
  const hangups = new Hangups();
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal === 'SIGHUP' && stoppedBy === undefined && hangups.deliver()) return;
    if (stoppedBy !== undefined) process.exit(128 + (constants.signals[signal] ?? 0));
    stoppedBy = signal as (typeof stopSignals)[number];
    controller.abort(new XiaError('interrupted', `stopped by ${signal}`, { signal }));
  };
  const onOutputError = (error: NodeJS.ErrnoException) => {
    controller.abort(new XiaError('interrupted', `stdout: ${error.message}`, { code: error.code }));
  };
  for (const signal of stopSignals) process.on(signal, onSignal);
  process.stdout.on('error', onOutputError);
  let code: ExitCode = ExitCode.OK;
  let name = argv[1] ?? 'xia';
  try {
    const command = typeof program === 'function' ? await program(controller.signal, hangups) : program;
    name = command.name();
    overrideExit(command);
    await command.parseAsync([...argv]);
  } catch (error) {
    // What an interrupted action throws is the consequence of the interruption.
    code = controller.signal.aborted && !(error instanceof ExitRequest) ? ExitCode.FAILED : reportError(name, error);
  } finally {
    for (const signal of stopSignals) process.off(signal, onSignal);
    process.stdout.off('error', onOutputError);
  }
  if (stoppedBy === 'SIGINT') return ExitCode.INTERRUPTED;
  return stoppedBy === undefined ? code : ExitCode.TERMINATED;
}

/**
 * What `main` of every program does: runs it, prints errors on stderr, and leaves with the exit code.
 *
 * The process is ended even when something is still open: a program that is done must not hang on a forgotten socket.
 */
export async function runMain(program: Program, argv: readonly string[]): Promise<never> {
  collectRarely();
  const code = await runProgram(program, argv);
  process.exit(code);
}
