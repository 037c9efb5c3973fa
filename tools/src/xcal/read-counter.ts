import * as v from 'valibot';
import { XiaError, type XiaNode } from 'xia-core';
import { serviceAt } from '../common/addresses.js';
import { SID_COUNTER } from './service-sids.js';

const counterSchema = v.object({
  startId: v.string(),
  ticks: v.number(),
  answers: v.number(),
  dag: v.string(),
  workload: v.optional(v.object({ bytes: v.number(), filledBytes: v.number(), counter: v.number() })),
});

/** What a guest says of itself: `ticks` only grows while it lives, `startId` names this life. */
export type CounterState = v.InferOutput<typeof counterSchema>;

const REPEAT_MS = 200;

/** @throws XiaError `timeout` when no valid answer comes */
export async function readCounter(
  node: XiaNode,
  host: string,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<CounterState> {
  const target = serviceAt(await node.resolve(host, { signal }), SID_COUNTER);
  const socket = node.datagram();
  let repeat: NodeJS.Timeout | undefined;
  let limit: NodeJS.Timeout | undefined;
  try {
    return await new Promise<CounterState>((resolve, reject) => {
      socket.on('message', (bytes) => {
        try {
          resolve(v.parse(counterSchema, JSON.parse(Buffer.from(bytes).toString('utf8'))));
        } catch {
          // Somebody else's datagram; the answer may still come.
        }
      });
      const ask = () => socket.send(target, new Uint8Array([0]));
      ask();
      repeat = setInterval(ask, REPEAT_MS);
      limit = setTimeout(() => reject(new XiaError('timeout', `${host}: no answer of its counter within ${timeoutMs} ms`)), timeoutMs);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  } finally {
    clearInterval(repeat);
    clearTimeout(limit);
    await socket.close();
  }
}
