import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../../xia-core/src/bytes/index.js';
import { Dag } from '../../../xia-core/src/dag/index.js';
import { identityFromPem } from '../../../xia-core/src/io/keys.js';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import { MAX_ACK_RANGES, STREAM_REBIND_FRAME_BYTES, StreamCode, StreamFrame, StreamPacketView } from '../../../xia-core/src/wire/stream.js';
import { encodeRebind, verifyRebind } from '../../../xia-core/src/wire/stream-rebind.js';
import { StreamPacketWriter } from '../../../xia-core/src/wire/stream-writer.js';
import { streamText } from './stream-text.js';

const doc = readFileSync(new URL('../../../docs/stream.md', import.meta.url), 'utf8');
const vectors = Array.from(doc.matchAll(/```vector\n(.+)\n([0-9a-f\n]+)\n```/g), (match) => ({
  text: match[1]!,
  bytes: fromHex(match[2]!.replaceAll('\n', '')),
}));

const CLIENT = [0xc1c1c1c1, 1] as const;
const SERVER = [0x5e5e5e5e, 2] as const;
const parameters = { windowBytes: 4194304, idleTimeoutMs: 60000, maxAckDelayMs: 25 };
const token = fromHex('000000070102030405060708090a0b0c0d0e0f10');
const scope = { receiverHigh: SERVER[0], receiverLow: SERVER[1], signerHigh: CLIENT[0], signerLow: CLIENT[1] };
const address = Dag.parse(/`(RE AD:[^`]+)`/.exec(doc)![1]!);

function seededIdentity() {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]);
  const pem = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
  return identityFromPem(pem.toString(), 'the documented seed');
}

/** The documented packets, written by the codec in the order of the document. */
function written(): Uint8Array[] {
  const writer = new StreamPacketWriter();
  const packets: Uint8Array[] = [];
  const done = (tail: Uint8Array = new Uint8Array(0)): void => {
    packets.push(concatBytes(writer.finish(), tail));
  };
  writer.beginOpening(0, 0, ...CLIENT, 0);
  writer.open({ ...parameters, sid: new Uint8Array(20).fill(0x22) });
  done();
  writer.beginOpening(...CLIENT, ...SERVER, 0);
  writer.ack(0.05, 1, 0, 0);
  writer.accept({ ...parameters, sid: new Uint8Array(20).fill(0x11) });
  done();
  writer.beginOpening(...CLIENT, 0, 0, 0);
  writer.refuse(StreamCode.REFUSED);
  done();
  writer.beginData(...SERVER, 1);
  writer.ack(0, 1, 0, 0);
  writer.data(0, 5, false);
  done(new TextEncoder().encode('hello'));
  writer.beginData(...SERVER, 9);
  writer.ack(1.5, 3, 6, 7);
  writer.ackRange(6, 3, 4);
  writer.ackRange(3, 0, 0);
  writer.maxData(8388608);
  writer.ping();
  done();
  writer.beginData(...SERVER, 10);
  writer.dataBlocked(4194304);
  done();
  writer.beginData(...SERVER, 11);
  writer.data(5, 0, true);
  done();
  writer.beginData(...SERVER, 12);
  writer.reset(256);
  done();
  writer.beginData(...CLIENT, 13);
  writer.close();
  done();
  writer.beginData(...SERVER, 14);
  writer.rebind(encodeRebind(scope, 1, address.wire, seededIdentity()));
  done();
  writer.beginData(...CLIENT, 15);
  writer.pathChallenge(fromHex('0102030405060708'));
  done();
  writer.beginData(...SERVER, 16);
  writer.pathResponse(fromHex('0102030405060708'));
  done();
  writer.beginOpening(...CLIENT, 0, 0, 0);
  writer.retry(token);
  done();
  writer.beginOpening(0, 0, ...CLIENT, 1);
  writer.open({ ...parameters, sid: new Uint8Array(20).fill(0x22), token });
  done();
  writer.beginData(...SERVER, 17);
  writer.ping();
  writer.padding(6);
  done(new Uint8Array(6));
  writer.beginGone(...SERVER);
  done();
  return packets;
}

describe('documented vectors', () => {
  it('are what the codec writes', () => {
    expect(written().map((bytes) => toHex(bytes))).toEqual(vectors.map(({ bytes }) => toHex(bytes)));
  });

  it.each(vectors)('$text', ({ text, bytes }) => {
    expect(streamText(bytes)).toBe(text);
  });

  it('cover every frame', () => {
    const all = vectors.map(({ text }) => text).join('\n');
    for (const name of Object.keys(StreamFrame)) expect(all).toMatch(new RegExp(`\\b${name}\\b`));
  });

  it('have the frame and code numbers of the tables', () => {
    for (const [name, code] of Object.entries(StreamFrame)) expect(doc).toContain(`| ${code} | ${name} |`);
    for (const [name, code] of Object.entries(StreamCode)) expect(doc).toContain(`| ${code} | ${name} |`);
  });
});

describe('a malformed packet', () => {
  const good = vectors[3]!.bytes;
  const changed = (at: number, value: number): Uint8Array => {
    const bytes = good.slice();
    bytes[at] = value;
    return bytes;
  };
  const frames = (hex: string): Uint8Array => fromHex(toHex(good.subarray(0, 16)) + hex);

  it.each([
    ['cut in its header', good.slice(0, 9), 'short'],
    ['cut before its frames', good.slice(0, 15), 'short'],
    ['without frames', good.slice(0, 16), 'empty'],
    ['of another version', changed(0, 0x20), 'version'],
    ['of an unknown type', changed(0, 0x13), 'type'],
    ['with flags', changed(1, 1), 'flags'],
    ['with an unknown frame', frames('11'), 'frame-type'],
    ['with frame type 0', frames('00'), 'frame-type'],
    ['cut in a frame', good.slice(0, good.length - 1), 'frame-length'],
    ['with an ACK of no range', frames('0200000000000000000000000000'), 'frame-value'],
    ['with an ACK below zero', frames('0201000000000000000100000002'), 'frame-value'],
    ['with an ACK whose gap goes below zero', frames('02020000000000000009000000010000000700000000'), 'frame-value'],
    ['with unknown DATA flags', frames('03020000000000000000'), 'frame-value'],
    ['with DATA beyond the largest offset', frames('03000001ffffffffffff00'), 'frame-value'],
    ['with an OPEN outside of OPENING', frames(`0620${'00'.repeat(32)}`), 'frame-value'],
    ['with OPEN parameters that are too short', frames(`061f${'00'.repeat(31)}`), 'frame-length'],
    ['with a RETRY outside of OPENING', frames(`0e${'00'.repeat(20)}`), 'frame-value'],
    ['with a TOKEN that is cut', frames(`0f${'00'.repeat(19)}`), 'frame-length'],
    ['with more PADDING than there is', frames('01100002aa'), 'frame-length'],
    ['with PADDING that has no length', frames('1000'), 'frame-length'],
    ['with a REBIND of no node', frames(`0b${'00'.repeat(103)}`), 'frame-value'],
    ['with a longer GONE', fromHex('12005e5e5e5e0000000200'), 'frame-length'],
  ])('%s is refused', (_, bytes, fault) => {
    expect(new StreamPacketView().reset(bytes)).toBe(fault);
  });

  it('with too many ranges is refused', () => {
    const count = MAX_ACK_RANGES + 1;
    const ack = `02${count.toString(16)}0000000000ffffff00000000${'0000000000000000'.repeat(count - 1)}`;
    expect(new StreamPacketView().reset(frames(ack))).toBe('frame-value');
  });

  it('never makes the view throw or loop', () => {
    const view = new StreamPacketView();
    const seeds = vectors.map(({ bytes }) => bytes);
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
        fc.nat(400),
        (seed, changes, length) => {
          const bytes = seed.slice(0, Math.max(1, length % (seed.length + 1)));
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          if (view.reset(bytes) !== undefined) return;
          let count = 0;
          while (view.nextFrame()) expect(++count).toBeLessThanOrEqual(bytes.length);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('acknowledgement ranges', () => {
  it('come back as they were written', () => {
    const runs = fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 })), {
      minLength: 1,
      maxLength: MAX_ACK_RANGES,
    });
    fc.assert(
      fc.property(runs, fc.nat(600), (pairs, delay) => {
        let next = 0;
        const ranges = pairs.map(([gap, length]) => {
          const first = next + gap;
          next = first + length;
          return [first, next - 1] as const;
        });
        ranges.reverse();
        const writer = new StreamPacketWriter();
        writer.beginData(1, 2, 3);
        writer.ack(delay, ranges.length, ...ranges[0]!);
        for (let i = 1; i < ranges.length; i++) writer.ackRange(ranges[i - 1]![0], ...ranges[i]!);
        const view = new StreamPacketView();
        expect(view.reset(writer.finish())).toBeUndefined();
        expect(view.nextFrame()).toBe(true);
        const read: Array<readonly [number, number]> = [];
        while (view.nextAckRange()) read.push([view.rangeFirst, view.rangeLast]);
        expect(read).toEqual(ranges);
        expect(view.ackDelayMs).toBeCloseTo(delay, 2);
      }),
    );
  });
});

describe('a REBIND', () => {
  const identity = seededIdentity();
  const standingAt = (bytes: Uint8Array): StreamPacketView => {
    const view = new StreamPacketView();
    expect(view.reset(bytes)).toBeUndefined();
    view.nextFrame();
    return view;
  };
  const packet = vectors.find(({ text }) => text.includes('REBIND'))!.bytes;

  it('names its signer', () => {
    expect(verifyRebind(standingAt(packet), scope, nodeCrypto)).toEqual(Buffer.from(identity.id));
  });

  it('is worth nothing for another connection', () => {
    expect(verifyRebind(standingAt(packet), { ...scope, receiverLow: 3 }, nodeCrypto)).toBeUndefined();
    expect(verifyRebind(standingAt(packet), { ...scope, signerLow: 3 }, nodeCrypto)).toBeUndefined();
  });

  it('is worth nothing when one bit of sequence, key, signature or address is another', () => {
    for (const at of [6, 8, 40, STREAM_REBIND_FRAME_BYTES, STREAM_REBIND_FRAME_BYTES + 60]) {
      const bytes = packet.slice();
      bytes[16 + at]! ^= 1;
      expect(verifyRebind(standingAt(bytes), scope, nodeCrypto), `byte ${at}`).toBeUndefined();
    }
  });
});
