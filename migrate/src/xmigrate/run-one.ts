import { ExitCode, ExitRequest, XiaError } from 'xia-core';
import { faultsOf } from '../checks/index.js';
import { DEFAULT_DOWNTIME_LIMIT_MS } from '../qemu/index.js';
import { guardedMigration, inspectMove, type Inspection, type MoveOptions, type MoveResult } from '../run/index.js';
import { writeJson, type RunPrinter } from './run-printer.js';
import { planText } from './run-report.js';

/** Prints the plan of a move for people; JSON has it already. */
export function printPlan(
  inspection: Inspection,
  { downtimeLimitMs = DEFAULT_DOWNTIME_LIMIT_MS, adapts, prefaults = false }: MoveOptions,
): void {
  process.stdout.write(`${planText(inspection, { downtimeMs: downtimeLimitMs, adapts, prefaults })}\n`);
}

/** Whether a move has done what it was to do. */
export function hasMoved(result: MoveResult): boolean {
  return result.outcome === 'moved' && (result.runner === 'destination' || result.reason === '');
}

/** Makes one move, printing as it goes. @throws what `guardedMigration` throws */
export async function printedMove(options: MoveOptions, printer: RunPrinter): Promise<MoveResult> {
  let result: MoveResult;
  try {
    result = await guardedMigration(options, {
      onProgress: (progress) => printer.progress(progress),
      onStep: (step) => printer.step(step),
    });
  } finally {
    printer.stop();
  }
  printer.result(result);
  return result;
}

export interface RunOneOptions {
  readonly dryRun: boolean;
  readonly json: boolean;
}

/**
 * Checks one move, and makes it unless it is a dry run.
 * @throws ExitRequest `REFUSED` when a check found a fault, `UNREACHABLE` or `FAILED` when the VM did not move
 */
export async function runOne(options: MoveOptions, printer: RunPrinter, { dryRun, json }: RunOneOptions): Promise<void> {
  const inspection = await inspectMove(options, dryRun).catch((error: unknown) => sayStopped(options, 'was not touched', error));
  printer.inspection(inspection);
  const faults = faultsOf(inspection.findings);
  if (dryRun && !json) printPlan(inspection, options);
  if (faults.length > 0) {
    if (!json) process.stderr.write(`${options.vm} was not touched: ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}\n`);
    throw new ExitRequest(ExitCode.REFUSED);
  }
  if (dryRun) return;
  let result: MoveResult;
  try {
    result = await printedMove(options, printer);
  } catch (error) {
    if (json && error instanceof XiaError) writeJson({ event: 'error', vm: options.vm, code: error.code, message: error.message });
    // What runs on is said by a result; here nothing has begun.
    return sayStopped(options, 'stays at the source', error);
  }
  if (!hasMoved(result)) throw new ExitRequest(result.isUnreachable === true ? ExitCode.UNREACHABLE : ExitCode.FAILED);
}

/** A program that was interrupted says nothing of its errors; what became of the VM is worth a line. */
function sayStopped({ vm, signal }: MoveOptions, state: string, error: unknown): never {
  if (signal?.aborted) process.stderr.write(`${vm} ${state}: ${(error as Error).message}\n`);
  throw error;
}
