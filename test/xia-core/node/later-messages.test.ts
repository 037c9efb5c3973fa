import { describe, expect, it } from 'vitest';
import { hostDag, linkLocalDag } from '../../../xia-core/src/dag/index.js';
import { LaterMessages } from '../../../xia-core/src/node/later-messages.js';
import { encodeXip, NextHeader } from '../../../xia-core/src/wire/index.js';
import { PrincipalType, SID_BOOTSTRAP, Xid } from '../../../xia-core/src/xid/index.js';

const AD = Xid.of(PrincipalType.AD, '1a'.repeat(20));
const HID = Xid.of(PrincipalType.HID, '2a'.repeat(20));
const turn = () => new Promise((resolve) => setImmediate(resolve));

function message(number: number): Uint8Array {
  const payload = new Uint8Array(20).fill(number);
  return encodeXip({ nextHeader: NextHeader.TRANSPORT, destination: linkLocalDag(SID_BOOTSTRAP), source: hostDag(AD, HID), payload });
}

function later() {
  const looked: number[] = [];
  const messages = new LaterMessages((face, _neighbour, bytes) => looked.push(face * 1000 + bytes.at(-1)!));
  return { looked, messages };
}

describe('messages of mobility', () => {
  it('wait for later turns, one for each, in order', async () => {
    const { looked, messages } = later();
    for (const number of [1, 2, 3]) expect(messages.take(4, 1, message(number), false)).toBe(true);
    expect(looked).toEqual([]);
    await turn();
    expect(looked).toEqual([4001]);
    await turn();
    await turn();
    expect(looked).toEqual([4001, 4002, 4003]);
    await turn();
    expect(looked).toHaveLength(3);
    expect(messages.gauge()).toMatchObject({ used: 0, highWater: 3, refused: 0 });
  });

  it('are kept as they came where their bytes were lent', async () => {
    const { looked, messages } = later();
    const lent = message(7);
    messages.take(1, 1, lent, true);
    lent.fill(9);
    await turn();
    expect(looked).toEqual([1007]);
  });

  it('are not what is for others, or too short to be for anybody', () => {
    const { messages } = later();
    const payload = new Uint8Array(20);
    const source = hostDag(AD, HID);
    expect(messages.take(1, 1, encodeXip({ nextHeader: NextHeader.TRANSPORT, destination: source, source, payload }), false)).toBe(false);
    expect(
      messages.take(1, 1, encodeXip({ nextHeader: NextHeader.XCMP, destination: linkLocalDag(SID_BOOTSTRAP), source, payload }), false),
    ).toBe(false);
    for (let length = 0; length < 60; length++) expect(messages.take(1, 1, message(1).subarray(0, length), false)).toBe(false);
  });

  it('are looked at as they come beyond a bound, and never after the end', async () => {
    const { looked, messages } = later();
    for (let number = 0; number < 70; number++) expect(messages.take(1, 1, message(number), false)).toBe(number < 64);
    expect(messages.gauge()).toMatchObject({ used: 64, refused: 6 });
    messages.close();
    await turn();
    expect(looked).toEqual([]);
  });
});
