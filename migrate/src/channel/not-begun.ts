import { XiaError } from 'xia-core';
import type { ParentChannel } from './parent-channel.js';

/** Why a program that waited for its parent's word leaves without it. */
export function notBegun(signal: AbortSignal, { gone }: ParentChannel): XiaError {
  if (signal.aborted && signal.reason instanceof XiaError && signal.reason.code !== 'interrupted') return signal.reason;
  const why = gone.aborted ? 'the xmigrate that had started it has ended' : 'stopped before the migration began';
  return new XiaError('interrupted', why);
}
