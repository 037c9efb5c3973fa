import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 20_000;

/** Runs a program to its end. @throws Error with what it said on stderr */
export async function runProgram(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await run(program, args, { timeout: TIMEOUT_MS, signal });
  } catch (cause) {
    const { stderr = '', message } = cause as { stderr?: string; message: string };
    throw new Error(`${program}: ${stderr.trim().split('\n').at(-1) || message}`, { cause });
  }
}
