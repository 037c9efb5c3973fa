import { StreamCode, XiaError } from 'xia-core';

/** Why xcat gives a stream up: its own codes of RESET, which begin where those of STREAM itself end. */
export const XcatCode = {
  /** Ctrl-C, or another signal. */
  INTERRUPTED: 256,
  /** The listener does not let this key in, or the client wanted to talk to another one. */
  NOT_ALLOWED: 257,
  /** The other end began TLS, and this one is `--plain`. */
  PLAIN_ONLY: 258,
  /** What came could not be passed on: stdout was closed. */
  OUTPUT_CLOSED: 259,
  /** The transfer of a file went wrong. */
  FILE_FAILED: 260,
} as const;
export type XcatCode = (typeof XcatCode)[keyof typeof XcatCode];

const words: Readonly<Record<number, string>> = {
  [XcatCode.INTERRUPTED]: 'INTERRUPTED, it was stopped',
  [XcatCode.NOT_ALLOWED]: 'NOT_ALLOWED, it talks to other keys only',
  [XcatCode.PLAIN_ONLY]: 'PLAIN_ONLY, it is --plain, and this end is not',
  [XcatCode.OUTPUT_CLOSED]: 'OUTPUT_CLOSED, nobody reads what it gets',
  [XcatCode.FILE_FAILED]: 'FILE_FAILED, the transfer of the file went wrong there',
  [StreamCode.ABORTED]: 'ABORTED, it was given up there',
};

const refusals: ReadonlySet<number> = new Set([StreamCode.BUSY, XcatCode.NOT_ALLOWED, XcatCode.PLAIN_ONLY]);
const silences: ReadonlySet<number> = new Set([StreamCode.TIMEOUT, StreamCode.OPEN_TIMEOUT]);

/** The code that a stream ended with, if the error, or what caused it, tells one. */
export function codeOf(error: unknown): { readonly code: number; readonly by: 'local' | 'peer' } | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof XiaError)) continue;
    const { code, by } = at.context;
    if (typeof code === 'number' && (by === 'local' || by === 'peer')) return { code, by };
  }
  return undefined;
}

/** The error of a stream in xcat's words: reset codes by their names, and silence and refusals told apart for the exit code. */
export function explained(error: unknown): Error {
  const ended = codeOf(error);
  if (ended === undefined) return error instanceof Error ? error : new Error(String(error));
  const { code, by } = ended;
  if (silences.has(code)) return new XiaError('timeout', (error as Error).message, { code, by }, { cause: error });
  if (by === 'local' || (words[code] === undefined && code < XcatCode.INTERRUPTED)) {
    return refusals.has(code) ? new XiaError('refused', (error as Error).message, { code, by }, { cause: error }) : (error as Error);
  }
  const text = `the peer reset the stream: code ${code}${words[code] === undefined ? '' : ` ${words[code]}`}`;
  return new XiaError(refusals.has(code) ? 'refused' : 'connection-closed', text, { code, by }, { cause: error });
}
