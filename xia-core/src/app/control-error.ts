import { errorCodes, type ErrorCode } from '../bytes/index.js';

/** The code of an error that a daemon answered with; one of another version may know codes that this one does not. */
export function asErrorCode(code: string): ErrorCode {
  return Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'control-failed';
}
