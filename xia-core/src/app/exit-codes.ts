import { XiaError, type ErrorCode } from '../bytes/index.js';

/** What the exit code of every program here means. The table of `docs/exit-codes.md` is checked against this one. */
export const ExitCode = {
  /** Done. */
  OK: 0,
  /** The program ran and what it was to do, or to check, did not succeed. */
  FAILED: 1,
  /** Bad arguments, or an address, name or number on the command line that cannot be read. */
  USAGE: 2,
  /** A configuration or key file is missing, unreadable or wrong; the message says file, line and column. */
  CONFIG: 3,
  /** Nobody answered in time: no host to attach to, a name that is unknown, a peer that is silent. */
  UNREACHABLE: 4,
  /** Somebody answered, and said no. */
  REFUSED: 5,
  /** Something the program needs is not installed or not usable; the message says how to get it. */
  PREREQUISITE: 6,
  /** A defect of the program itself; a stack trace is on stderr. */
  INTERNAL: 70,
  /** Stopped by SIGINT (Ctrl-C), after cleaning up. */
  INTERRUPTED: 130,
  /** Stopped by SIGTERM, after cleaning up. */
  TERMINATED: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const exitCodeByError: Partial<Record<ErrorCode, ExitCode>> = {
  'already-running': ExitCode.REFUSED,
  'attach-timeout': ExitCode.UNREACHABLE,
  'bad-config': ExitCode.CONFIG,
  'bad-dag': ExitCode.USAGE,
  'bad-endpoint': ExitCode.USAGE,
  'bad-hex': ExitCode.USAGE,
  'bad-key': ExitCode.CONFIG,
  'bad-xid': ExitCode.USAGE,
  'control-unreachable': ExitCode.UNREACHABLE,
  'missing-prerequisite': ExitCode.PREREQUISITE,
  'name-not-found': ExitCode.UNREACHABLE,
  'name-service-timeout': ExitCode.UNREACHABLE,
  refused: ExitCode.REFUSED,
  timeout: ExitCode.UNREACHABLE,
  unreachable: ExitCode.UNREACHABLE,
  usage: ExitCode.USAGE,
};

/** Errors of the operating system that are about the surroundings, not about a defect of ours. */
const environmentErrors: Readonly<Record<string, ExitCode>> = {
  EACCES: ExitCode.FAILED,
  EADDRINUSE: ExitCode.FAILED,
  EADDRNOTAVAIL: ExitCode.FAILED,
  ECONNREFUSED: ExitCode.UNREACHABLE,
  EISDIR: ExitCode.FAILED,
  ENOENT: ExitCode.FAILED,
  ENOSPC: ExitCode.FAILED,
  EPERM: ExitCode.FAILED,
  EPIPE: ExitCode.FAILED,
};

/** The exit code for an error that ended a program. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof XiaError) return exitCodeByError[error.code] ?? ExitCode.FAILED;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code === 'string') return environmentErrors[code] ?? ExitCode.INTERNAL;
  return ExitCode.INTERNAL;
}
