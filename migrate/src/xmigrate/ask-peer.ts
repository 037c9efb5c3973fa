import { setTimeout as sleep } from 'node:timers/promises';
import { PrincipalType, Xid, XiaError, type XiaNode } from 'xia-core';
import { HandoverInquiry, HandoverReply, type HandoverAnswer } from '../protocol/index.js';
import { endStream } from './end-stream.js';
import { MachineClock, monotonicMs } from './machine-clock.js';

const QUESTION_TIMEOUT_MS = 5_000;

/** Transfers are named by bytes on the wire and by their digits in state files. */
function bytesOf(transfer: string): Uint8Array {
  return Buffer.from(transfer, 'hex');
}

/**
 * Asks the destination of a transfer what became of the VM, and lets it decide.
 * @throws what `node.connect` throws when nobody answers
 */
export async function askDestination(
  node: XiaNode,
  to: string,
  vm: string,
  transfer: string,
  signal: AbortSignal,
): Promise<HandoverAnswer> {
  const stream = await node.connect(await node.resolve(to, { signal }), { signal });
  const inquiry = new HandoverInquiry({ vm, transfer: bytesOf(transfer), send: (bytes) => void stream.write(bytes) });
  const answer = await new Promise<HandoverAnswer>((resolve) => {
    const look = () => {
      if (inquiry.answer !== undefined) resolve(inquiry.answer);
      else clock.rearm();
    };
    const clock = new MachineClock(inquiry, look);
    const lost = (reason: string) => {
      inquiry.streamClosed(reason);
      look();
    };
    stream.on('data', (bytes: Buffer) => {
      inquiry.streamBytes(bytes, monotonicMs());
      look();
    });
    stream.on('error', (error) => lost(error.message));
    stream.on('close', () => lost('the control stream was closed'));
    signal.addEventListener('abort', () => lost('no answer came in time'), { once: true });
    inquiry.streamOpened(monotonicMs());
    look();
  });
  await endStream(stream);
  return answer;
}

/**
 * Waits for the source of a transfer to ask, and answers by `decide`. Resolves once the source has been told.
 * @throws XiaError `unreachable` when it does not ask before the signal fires
 */
export async function answerSource(
  node: XiaNode,
  vm: string,
  transfer: string,
  decide: () => { readonly kind: 'taken' } | { readonly kind: 'aborted'; readonly reason: string },
  onListening: (dag: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const server = await node.listen(new Xid(PrincipalType.SID, node.hid.id));
  onListening(server.dag.toString());
  const ended = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const accepted = server[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([accepted.next(), ended]);
    if (next === undefined || next.done === true) throw new XiaError('unreachable', 'the source did not ask in time');
    const stream = next.value;
    const reply = new HandoverReply({ vm, transfer: bytesOf(transfer), decide, send: (bytes) => void stream.write(bytes) });
    const answered = new Promise<void>((resolve) => {
      stream.on('data', (bytes: Buffer) => {
        reply.streamBytes(bytes, monotonicMs());
        if (reply.isAnswered || reply.isOver) resolve();
      });
      stream.on('error', () => resolve());
      stream.on('close', () => resolve());
    });
    reply.streamOpened(monotonicMs());
    // One who says nothing must not keep the source waiting.
    await Promise.race([answered, ended, sleep(QUESTION_TIMEOUT_MS, undefined, { ref: false })]);
    if (reply.isAnswered) {
      await endStream(stream);
      return;
    }
    void endStream(stream);
  }
}
