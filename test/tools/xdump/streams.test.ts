import { expect, test } from 'vitest';
import { Dag, encodeXip, fromHex, NextHeader } from 'xia-core';
import { decodePacket } from '../../../tools/src/xdump/decode-packet.js';
import { recordText } from '../../../tools/src/xdump/describe.js';

const END = Dag.parse(`RE HID:${'b'.repeat(40)} SID:${'c'.repeat(40)}`);
const packet = (hex: string) => encodeXip({ nextHeader: NextHeader.STREAM, destination: END, source: END, payload: fromHex(hex) });

const DESTINATION = '0102030405060708';
const DATA = `1000${DESTINATION}000000000009`;

test('the frames of a packet of an established connection', () => {
  const ack = '02020064000000000010000000030000000100000002';
  const data = '03010003000000000064aabbcc';
  const decoded = decodePacket(packet(`${DATA}${ack}${data}0400000001000001`));
  expect(decoded).toMatchObject({
    next: 62,
    upper: {
      protocol: 'stream',
      kind: 'data',
      destinationId: DESTINATION,
      packetNumber: 9,
      frames: [
        {
          frame: 'ACK',
          largest: 16,
          delayMs: 1,
          ranges: [
            { first: 13, last: 16 },
            { first: 8, last: 10 },
          ],
        },
        { frame: 'DATA', offset: 100, length: 3, fin: true },
        { frame: 'MAX_DATA', limit: 65_536 },
        { frame: 'PING' },
      ],
    },
  });
  expect(recordText({}, decoded).split('\n')[0]).toBe(
    `STREAM data ${DESTINATION} #9: ACK 13-16 8-10, DATA 100+3 FIN, MAX_DATA 65536, PING; hop limit 250, payload 59`,
  );
});

test('the opening of a connection, its end, and an id that means nothing', () => {
  const open = `0620${'c'.repeat(40)}000000400000000075300019`;
  expect(decodePacket(packet(`1100${DESTINATION}1112131415161718000000000001${open}`))).toMatchObject({
    upper: {
      kind: 'opening',
      sourceId: '1112131415161718',
      packetNumber: 1,
      frames: [{ frame: 'OPEN', sid: `SID:${'c'.repeat(40)}`, windowBytes: 4_194_304, idleTimeoutMs: 30_000, maxAckDelayMs: 25 }],
    },
  });
  expect(decodePacket(packet(`${DATA}0900000102`))).toMatchObject({ upper: { frames: [{ frame: 'RESET', code: 258 }] } });
  expect(decodePacket(packet(`1200${DESTINATION}`))).toMatchObject({ upper: { kind: 'gone', destinationId: DESTINATION } });
});

test('a rebind with its address, and a challenge', () => {
  const address = Buffer.from(END.wire).toString('hex');
  const rebind = `0b00000000000702${'11'.repeat(32)}${'22'.repeat(64)}${address}`;
  expect(decodePacket(packet(`${DATA}${rebind}0c${DESTINATION}`))).toMatchObject({
    upper: {
      frames: [
        { frame: 'REBIND', sequence: 7, publicKey: '11'.repeat(32), signature: '22'.repeat(64), address: END.toString() },
        { frame: 'PATH_CHALLENGE', token: DESTINATION },
      ],
    },
  });
});

test('a packet that breaks the format, and one that was cut', () => {
  const bad = packet(`${DATA}ff`);
  expect(decodePacket(bad)).toMatchObject({ upper: { protocol: 'stream', error: 'STREAM: frame-type' } });
  const cut = packet(`${DATA}03010003000000000064aabbcc`).subarray(0, -2);
  expect(decodePacket(cut, false)).toMatchObject({ upper: { protocol: 'stream', truncated: true } });
  expect(recordText({}, decodePacket(cut, false))).toContain('[cut]');
});
