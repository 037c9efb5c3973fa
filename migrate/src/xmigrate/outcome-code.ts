import { ExitCode, XiaError, type ErrorCode } from 'xia-core';
import type { AbortCode, ReceiverOutcome, SenderOutcome } from '../protocol/index.js';

const exitCodes: Partial<Record<AbortCode, ExitCode>> = {
  busy: ExitCode.REFUSED,
  'peer-lost': ExitCode.UNREACHABLE,
  refused: ExitCode.REFUSED,
  version: ExitCode.REFUSED,
  'wrong-vm': ExitCode.REFUSED,
};

/** The exit code of `xmigrate send` and `recv`: OK means that the VM has moved, anything else that it has not, or may not have. */
export function outcomeExitCode(outcome: SenderOutcome | ReceiverOutcome): ExitCode {
  switch (outcome.kind) {
    case 'handed-over':
    case 'taken':
      return ExitCode.OK;
    case 'aborted':
      return exitCodes[outcome.code] ?? ExitCode.FAILED;
    case 'in-doubt':
    case 'failed':
      return ExitCode.FAILED;
  }
}

/** What is said of a transfer that never began. */
export function faultOf(error: unknown): { reason: string; code: ErrorCode | undefined } {
  return { reason: (error as Error).message, code: error instanceof XiaError ? error.code : undefined };
}
