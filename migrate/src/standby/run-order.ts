import { CommanderError } from 'commander';
import { ExitCode, ExitRequest, exitCodeOf } from 'xia-core';
import type { Order, ParentChannel } from '../channel/index.js';
import { recvCommand } from '../xmigrate/recv-command.js';
import { sendCommand } from '../xmigrate/send-command.js';

/** How a program ended: what a process would leave with, and what it would have written to stderr. */
export interface OrderEnd {
  readonly exitCode: ExitCode;
  readonly text: string;
}

/** Does in this process what `xmigrate send` or `recv` with these words does in one of its own. Never throws. */
export async function runOrder({ role, words }: Omit<Order, 'kind'>, channel: ParentChannel, signal: AbortSignal): Promise<OrderEnd> {
  let text = '';
  const program = role === 'send' ? sendCommand : recvCommand;
  const note = (said: string) => void (text += said);
  const command = program(signal, channel).exitOverride().configureOutput({ writeOut: note, writeErr: note });
  let exitCode: ExitCode = ExitCode.OK;
  try {
    // A parent lends the monitor of a QEMU and hears what happens: without them there is neither input nor output here.
    for (const needed of ['--under-run', '--qmp']) if (!words.includes(needed)) command.error(`${needed} is missing`);
    await command.parseAsync([...words], { from: 'user' });
  } catch (error) {
    exitCode = codeOf(error);
    if (exitCode === ExitCode.INTERNAL) text += `${(error as Error).stack ?? String(error)}\n`;
    else if (!(error instanceof CommanderError) && !(error instanceof ExitRequest)) text += `${(error as Error).message}\n`;
  }
  return { exitCode: signal.aborted ? ExitCode.TERMINATED : exitCode, text };
}

function codeOf(error: unknown): ExitCode {
  if (error instanceof ExitRequest) return error.exitCode;
  return error instanceof CommanderError ? ExitCode.USAGE : exitCodeOf(error);
}
