import { XiaError } from '../bytes/index.js';

/** What has the event. */
interface Attaching {
  on(event: 'attach', listener: () => void): unknown;
  off(event: 'attach', listener: () => void): unknown;
}

/**
 * Waits for the event `attach`.
 * @param asked the addresses that were asked, for the message
 * @throws XiaError `attach-timeout`, `interrupted`
 */
export function untilAttached(
  node: Attaching,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  asked: () => readonly string[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: XiaError) => {
      clearTimeout(timer);
      node.off('attach', onAttach);
      signal?.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAttach = () => done();
    const onAbort = () => done(new XiaError('interrupted', 'the node was stopped before it was attached'));
    const peers = asked();
    const timer = setTimeout(() => {
      const message = `no router accepted this node within ${timeoutMs} ms (asked: ${peers.join(', ') || 'nobody'})`;
      done(new XiaError('attach-timeout', message, { peers }));
    }, timeoutMs);
    node.on('attach', onAttach);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
