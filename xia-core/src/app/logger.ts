import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  /** The node's name, in every line. */
  readonly name: string;
  /** Default `info`. */
  readonly level?: LogLevel | undefined;
  /** Appended to, directories are made; stderr otherwise. */
  readonly file?: string | undefined;
}

/**
 * A daemon's log: one JSON object a line, with the time as an ISO text.
 *
 * Lines are written at once rather than buffered, because the last line before a crash is the one that is needed.
 */
export function createLogger({ name, level = 'info', file }: LoggerOptions): Logger {
  const destination = pino.destination({ dest: file ?? 2, mkdir: true, append: true, sync: true });
  return pino({ name, level, base: { name, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
