import { StreamCode, XiaError } from 'xia-core';
import { codeOf } from './reset-codes.js';

const RECORD_HEADER_BYTES = 5;
const HANDSHAKE = 22;
const ALERT = 21;
const ALERT_BYTES = 7;
/** How the encrypted streams of XIA nodes name themselves in a ClientHello (ALPN, RFC 7301). */
const PROTOCOL = Buffer.from('\u0005xia/1');

/** Whether a peer that begins like this wants TLS: a TLS record (RFC 8446, section 5.1) that XIA nodes begin a secure stream with. */
type Verdict = 'plain' | 'hello' | 'alert' | 'more';

function judge(begin: Buffer): Verdict {
  const [type, major, minor] = begin;
  if (type === undefined) return 'more';
  if (type !== HANDSHAKE && type !== ALERT) return 'plain';
  if ((major ?? 3) !== 3 || (minor ?? 0) > 4) return 'plain';
  if (begin.length < RECORD_HEADER_BYTES) return 'more';
  const recordBytes = RECORD_HEADER_BYTES + begin.readUInt16BE(3);
  if (type === ALERT) return recordBytes === ALERT_BYTES && begin.length <= ALERT_BYTES ? 'alert' : 'plain';
  if (recordBytes > 4096) return 'plain';
  if (begin.length < recordBytes) return 'more';
  return begin.subarray(0, recordBytes).includes(PROTOCOL) ? 'hello' : 'plain';
}

const listenerIsSecure = () =>
  new XiaError('refused', 'the other end wants an encrypted stream: leave --plain out, or give it to both ends', { mismatch: 'secure' });

/**
 * What comes on a plain stream, unless the other end turns out to speak TLS: its ClientHello is not data, neither is the alert
 * that answers what is no TLS. TLS of others that is carried through a plain stream passes.
 * @throws XiaError `refused` for an end that wants TLS
 */
export async function* guardPlain(incoming: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer | undefined = Buffer.alloc(0);
  let heard = false;
  try {
    for await (const piece of incoming) {
      heard = true;
      if (held === undefined) {
        yield piece;
        continue;
      }
      held = held.length === 0 ? piece : Buffer.concat([held, piece]);
      const verdict = judge(held);
      if (verdict === 'hello') {
        throw new XiaError('refused', 'the other end wants an encrypted stream, and this one is --plain', { mismatch: 'plain' });
      }
      if (verdict !== 'plain') continue;
      yield held;
      held = undefined;
    }
  } catch (error) {
    const wasHungUp = codeOf(error)?.code === StreamCode.ABORTED && codeOf(error)?.by === 'peer';
    if (wasHungUp && (!heard || (held !== undefined && judge(held) === 'alert'))) throw listenerIsSecure();
    throw error;
  }
  if (held === undefined || held.length === 0) return;
  if (judge(held) === 'alert') throw listenerIsSecure();
  yield held;
}

/** Whether an error is that the other end speaks TLS and this one does not. */
export function isMismatch(error: unknown): boolean {
  return error instanceof XiaError && error.context['mismatch'] === 'plain';
}
