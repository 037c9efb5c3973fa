import { prepareSecureStreams, startFromOptions, type AttachOptions, type XiaNode } from 'xia-core';

/**
 * Starts this process' node; the signal ends the start only. Afterwards the node must outlive the signal: the peer has to be
 * told of an abort, and a commit that has begun has to be finished.
 * @throws what `startFromOptions` throws
 */
export async function startNode(options: AttachOptions, signal: AbortSignal): Promise<XiaNode> {
  const starting = new AbortController();
  const give = () => starting.abort(signal.reason);
  if (signal.aborted) give();
  signal.addEventListener('abort', give, { once: true });
  try {
    // Every migration opens or takes a secure stream at once.
    const [node] = await Promise.all([startFromOptions(options, starting.signal), prepareSecureStreams()]);
    return node;
  } finally {
    signal.removeEventListener('abort', give);
  }
}
