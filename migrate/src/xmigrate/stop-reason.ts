import { XiaError } from 'xia-core';

/** Why a transfer was told to stop: a person wanted it, unless whoever fired the signal gave another reason. */
export function stopReason({ reason }: AbortSignal, end: 'source' | 'destination'): string {
  const isPerson = !(reason instanceof XiaError) || reason.code === 'interrupted';
  return isPerson ? `stopped by the operator of the ${end}` : reason.message;
}
