import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { XiaError } from 'xia-core';
import { findProgram } from '../qemu/find-program.js';

const run = promisify(execFile);
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

/** A program of the host that building a guest needs, and what gives it to the user. */
export interface HostTool {
  readonly program: string;
  /** What it is for, as in "NAME is needed to ...". */
  readonly purpose: string;
  /** The exact command that installs it. */
  readonly install: string;
}

export function missing(what: string, install: string, context: Record<string, unknown> = {}, cause?: unknown): XiaError {
  return new XiaError('missing-prerequisite', `${what} Run: ${install}`, { ...context, install }, { cause });
}

/** @throws XiaError `missing-prerequisite` */
async function requireTool(tool: HostTool): Promise<string> {
  const path = await findProgram(tool.program);
  if (path !== undefined) return path;
  throw missing(`${tool.program} is needed to ${tool.purpose}, and is not installed.`, tool.install, { program: tool.program });
}

export interface ToolOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a program of the host and returns what it wrote.
 * @throws XiaError `missing-prerequisite` when it is not installed, `guest-build-failed` when it fails, `interrupted`.
 */
export async function runTool(tool: HostTool, args: readonly string[], options: ToolOptions = {}): Promise<Buffer> {
  const path = await requireTool(tool);
  try {
    const { stdout } = await run(path, args, {
      encoding: 'buffer',
      maxBuffer: OUTPUT_LIMIT_BYTES,
      // Messages are read by programs here, and by people in one language.
      env: { ...process.env, LC_ALL: 'C' },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.signal && { signal: options.signal }),
    });
    return stdout;
  } catch (cause) {
    if (options.signal?.aborted) throw new XiaError('interrupted', `${tool.program}: given up`, {}, { cause });
    const stderr = String((cause as { stderr?: Buffer }).stderr ?? '').trim();
    const command = [tool.program, ...args].join(' ');
    throw new XiaError('guest-build-failed', `${command} failed: ${stderr || String(cause)}`, { command, stderr }, { cause });
  }
}
