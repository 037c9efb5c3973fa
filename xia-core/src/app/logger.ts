import type { Logger, pino as makeLogger } from 'pino';

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

/** A log that can be turned to another file, or to the same one after it was renamed. */
export interface ReopenableLog {
  readonly logger: Logger;
  /**
   * Opens the file by its name, and writes there from the next line on.
   * @throws the error of the operating system; then the log goes on where it was
   */
  reopen(options: Omit<LoggerOptions, 'name'>): void;
}

type Pino = typeof makeLogger;
type Destination = ReturnType<Pino['destination']>;

/** Lines are written at once rather than buffered, because the last line before a crash is the one that is needed. */
function openDestination(pino: Pino, file: string | undefined): Destination {
  return pino.destination({ dest: file ?? 2, mkdir: true, append: true, sync: true });
}

/** A daemon's log: one JSON object a line, with the time as an ISO text. */
export async function openLog({ name, level = 'info', file }: LoggerOptions): Promise<ReopenableLog> {
  // Programs without a log start sooner without it.
  const { pino } = await import('pino');
  let current = openDestination(pino, file);
  let isFile = file !== undefined;
  const logger = pino(
    { name, level, base: { name, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line) => void current.write(line) },
  );
  return {
    logger,
    reopen: (options) => {
      const next = openDestination(pino, options.file);
      // stderr belongs to the process, and stays open.
      if (isFile) current.end();
      current = next;
      isFile = options.file !== undefined;
      logger.level = options.level ?? 'info';
    },
  };
}
