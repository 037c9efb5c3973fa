import { setTimeout as sleep } from 'node:timers/promises';
import { StreamCode, XiaError, type XiaNode, type XiaStream } from 'xia-core';

/** An outage of 10 s is to pass unnoticed, and one attempt to open a stream takes as long when nobody answers. */
const PATIENCE_MS = 20_000;
const PAUSE_MS = 100;

export interface DialOptions {
  /** Where `xmigrate recv` listens, or its name. */
  readonly to: string;
  readonly signal: AbortSignal;
  /** What cannot be reached on this side of the network, as a sentence; undefined while nothing is missing there. */
  readonly missingHere: () => string | undefined;
  /** No attempt begins after this long; 20 s by default. */
  readonly patienceMs?: number;
}

/** Whether nobody answered, so that the next attempt may be answered. */
function isSilence(error: unknown): boolean {
  if (!(error instanceof XiaError)) return false;
  const { code, context } = error;
  if (code === 'connection-closed') return context['code'] === StreamCode.OPEN_TIMEOUT && context['by'] === 'local';
  return code === 'timeout' || code === 'handshake-failed' || code === 'name-service-timeout';
}

/**
 * Opens the first control stream of a migration, again while nobody answers.
 * @throws XiaError `unreachable` when nobody did, with what is known to be out of reach; what `XiaNode.connect` and `resolve` throw
 */
export async function dial(node: Pick<XiaNode, 'connect' | 'resolve'>, options: DialOptions): Promise<XiaStream> {
  const { to, signal, missingHere, patienceMs = PATIENCE_MS } = options;
  const beganMs = performance.now();
  for (;;) {
    try {
      return await node.connect(await node.resolve(to, { signal }), { signal });
    } catch (error) {
      if (!isSilence(error)) throw error;
      if (performance.now() - beganMs < patienceMs) await sleep(PAUSE_MS);
      else throw unreached(error as XiaError, missingHere());
    }
  }
}

function unreached(cause: XiaError, missingHere: string | undefined): XiaError {
  // Others have said what it is that did not answer.
  if (missingHere === undefined && cause.code !== 'connection-closed' && cause.code !== 'timeout') return cause;
  return new XiaError('unreachable', missingHere ?? 'the destination could not be reached: it did not answer', {}, { cause });
}
