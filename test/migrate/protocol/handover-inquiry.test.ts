import { describe, expect, it } from 'vitest';
import { HandoverInquiry, HandoverReply, Receiver } from '../../../migrate/src/protocol/index.js';
import { chunkRecord } from '../../../migrate/src/protocol/chunk-cipher.js';
import { encodeMessage } from '../../../migrate/src/protocol/codec.js';
import { PROTOCOL_VERSIONS, type ControlMessage } from '../../../migrate/src/protocol/messages.js';
import { cidOf, fakeCipher, sha256 } from './fake-crypto.js';

const transfer = new Uint8Array(16).fill(3);

/** Lets two ends talk until both are silent. */
function converse(decide: () => { kind: 'taken' } | { kind: 'aborted'; reason: string }, asked = transfer) {
  const toReply: Uint8Array[] = [];
  const toInquiry: Uint8Array[] = [];
  const inquiry = new HandoverInquiry({ vm: 'vm1', transfer: asked, send: (bytes) => void toReply.push(bytes) });
  const reply = new HandoverReply({ vm: 'vm1', transfer, send: (bytes) => void toInquiry.push(bytes), decide });
  reply.streamOpened(0);
  inquiry.streamOpened(0);
  while (toReply.length + toInquiry.length > 0) {
    for (const bytes of toReply.splice(0)) reply.streamBytes(bytes, 0);
    for (const bytes of toInquiry.splice(0)) inquiry.streamBytes(bytes, 0);
  }
  return { inquiry, reply };
}

describe('asking what became of a VM that was handed over', () => {
  it('lets the destination decide, and tells', () => {
    const { inquiry, reply } = converse(() => ({ kind: 'taken' }));
    expect(inquiry.answer).toEqual({ kind: 'taken' });
    expect(reply.isAnswered).toBe(true);
    expect(converse(() => ({ kind: 'aborted', reason: 'never' })).inquiry.answer).toEqual({ kind: 'aborted', reason: 'never' });
  });

  it('is not answered to one who does not know the transfer', () => {
    let decisions = 0;
    const decide = () => {
      decisions++;
      return { kind: 'taken' } as const;
    };
    const { inquiry, reply } = converse(decide, new Uint8Array(16));
    expect(inquiry.answer?.kind).toBe('unanswered');
    expect([reply.isAnswered, decisions]).toEqual([false, 0]);
    // Nor to one who skips the question.
    reply.streamOpened(0);
    reply.streamBytes(encodeMessage({ type: 'committed' }), 0);
    expect([reply.isAnswered, decisions]).toEqual([false, 0]);
  });

  it("takes an ABORT before the HELLO of this transfer for nobody's, and silence for none", () => {
    const inquiry = new HandoverInquiry({ vm: 'vm1', transfer, send: () => undefined });
    inquiry.streamOpened(0);
    inquiry.streamBytes(encodeMessage({ type: 'abort', code: 'busy', reason: 'another' }), 0);
    expect(inquiry.answer).toEqual({ kind: 'unanswered', reason: 'another' });
    const silent = new HandoverInquiry({ vm: 'vm1', transfer, send: () => undefined });
    silent.streamOpened(0);
    silent.handleTimeout(silent.nextTimeout());
    silent.handleTimeout(30_000);
    expect(silent.answer?.kind).toBe('unanswered');
    expect(silent.nextTimeout()).toBe(Infinity);
  });

  it('is understood by a receiver that has lost its source in the commit', () => {
    const marks: string[] = [];
    const toInquiry: Uint8Array[] = [];
    const receiver = new Receiver({
      vm: 'vm1',
      cipher: fakeCipher,
      hash: sha256(),
      loadsFirst: true,
      sink: {
        send: (bytes) => void toInquiry.push(bytes),
        fetch: () => undefined,
        emit: () => undefined,
        persist: (mark) => marks.push(mark) > 0,
        onEvent: () => undefined,
      },
    });
    receiver.streamOpened(0);
    const limits = { windowBytes: 4096, windowChunks: 8, maxChunkBytes: 1024 };
    const say = (message: ControlMessage) => receiver.streamBytes(encodeMessage(message), 0);
    const plaintext = new Uint8Array(100).fill(9);
    const { ciphertext, tag } = fakeCipher.seal(0, plaintext);
    const hash = sha256();
    hash.update(chunkRecord(0, plaintext.length, cidOf(ciphertext), tag));
    say({ type: 'hello', versions: [...PROTOCOL_VERSIONS], role: 'source', vm: 'vm1', transfer, resume: false, limits });
    say({ type: 'offer', sequence: 0, cid: cidOf(ciphertext), tag, length: 100 });
    receiver.chunkArrived(0, ciphertext, 0);
    say({ type: 'done', chunks: 1, bytes: 100, sha256: hash.digest() });
    receiver.loaded(0);
    receiver.streamClosed('reset', 0);
    const inquiry = new HandoverInquiry({ vm: 'vm1', transfer, send: (bytes) => receiver.streamBytes(bytes, 0) });
    toInquiry.length = 0;
    receiver.streamOpened(0);
    inquiry.streamOpened(0);
    for (const bytes of toInquiry.splice(0)) inquiry.streamBytes(bytes, 0);
    for (const bytes of toInquiry.splice(0)) inquiry.streamBytes(bytes, 0);
    expect(inquiry.answer).toEqual({ kind: 'taken' });
    expect(marks).toEqual(['receiving', 'received', 'running']);
  });
});
