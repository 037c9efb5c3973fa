import { XiaError } from 'xia-core';

/** A QEMU takes one stream in its life, and does not say beforehand whether it had one that came to nothing. @throws XiaError `refused` */
export function refusedIncoming(error: unknown): never {
  if (!(error instanceof XiaError) || error.context['class'] === undefined) throw error;
  const todo = 'quit that QEMU and start an empty one with "-incoming defer"';
  throw new XiaError('refused', `the destination takes no guest: ${error.message}; ${todo}`, error.context, { cause: error });
}
