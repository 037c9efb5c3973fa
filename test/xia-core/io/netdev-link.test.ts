import { describe, expect, test } from 'vitest';
import {
  encodeArp,
  encodeEthernet,
  encodeIpv4Udp,
  EtherType,
  macFromText,
  parseArp,
  parseEthernet,
  parseIpv4Udp,
} from '../../../xia-core/src/wire/index.js';
import { NetdevLink } from '../../../xia-core/src/io/netdev-link.js';

const guestMac = macFromText('52:54:00:12:34:56');
const gatewayMac = macFromText('02:58:49:41:00:01');
const anyMac = new Uint8Array(6).fill(0xff);
const gateway = Uint8Array.of(169, 254, 77, 1);
const guest = Uint8Array.of(169, 254, 77, 2);
const nobody = new Uint8Array(4);
const payload = Uint8Array.from(Buffer.from('an XIP packet'));

const udpFrame = (fields: Partial<Parameters<typeof encodeIpv4Udp>[0]> = {}) => {
  const datagram = encodeIpv4Udp({
    source: guest,
    destination: gateway,
    sourcePort: 7000,
    destinationPort: 7000,
    payload,
    ...fields,
  });
  return encodeEthernet(gatewayMac, guestMac, EtherType.IPV4, datagram);
};

/** The Ethernet frame behind the length that QEMU wants before it. */
function unprefixed(bytes: Uint8Array): Uint8Array {
  const view = Buffer.from(bytes);
  expect(view.readUInt32BE(0)).toBe(bytes.length - 4);
  return Uint8Array.from(view.subarray(4));
}

describe('NetdevLink', () => {
  test('takes a packet out of a UDP datagram to the gateway, padding or not', () => {
    const link = new NetdevLink();
    expect(link.receive(udpFrame())).toEqual({ kind: 'packet', packet: payload });
    const padded = new Uint8Array(80);
    padded.set(udpFrame());
    expect(link.receive(padded)).toEqual({ kind: 'packet', packet: payload });
  });

  test('answers at the addresses that the machine used', () => {
    const link = new NetdevLink();
    link.receive(udpFrame({ source: Uint8Array.of(169, 254, 77, 99), sourcePort: 1234 }));
    const frame = parseEthernet(unprefixed(link.encode(payload)));
    expect(frame).toMatchObject({ destination: guestMac, source: gatewayMac, etherType: EtherType.IPV4 });
    const datagram = parseIpv4Udp(frame.fault === undefined ? frame.payload : payload);
    expect(datagram).toEqual({
      source: gateway,
      destination: Uint8Array.of(169, 254, 77, 99),
      sourcePort: 7000,
      destinationPort: 1234,
      payload,
    });
    expect(link.describe()).toBe('52:54:00:12:34:56 169.254.77.99:1234');
  });

  test('before it has heard anything it broadcasts to the address of every machine', () => {
    const frame = parseEthernet(unprefixed(new NetdevLink().encode(payload)));
    expect(frame).toMatchObject({ destination: anyMac });
    const datagram = parseIpv4Udp(frame.fault === undefined ? frame.payload : payload);
    expect(datagram).toMatchObject({ destination: guest, destinationPort: 7000, payload });
  });

  test('speaks raw XIP frames with a machine that does, and UDP again when it changes', () => {
    const link = new NetdevLink();
    expect(link.receive(encodeEthernet(anyMac, guestMac, EtherType.XIP, payload))).toEqual({
      kind: 'packet',
      packet: payload,
    });
    expect(parseEthernet(unprefixed(link.encode(payload)))).toEqual({
      destination: guestMac,
      source: gatewayMac,
      etherType: EtherType.XIP,
      payload,
    });
    link.receive(udpFrame());
    expect(parseEthernet(unprefixed(link.encode(payload)))).toMatchObject({ etherType: EtherType.IPV4 });
  });

  test('answers ARP for the gateway, and for nothing else', () => {
    const link = new NetdevLink();
    const request = (targetAddress: Uint8Array, senderAddress = guest) =>
      encodeEthernet(
        anyMac,
        guestMac,
        EtherType.ARP,
        encodeArp({
          operation: 'request',
          senderMac: guestMac,
          senderAddress,
          targetMac: new Uint8Array(6),
          targetAddress,
        }),
      );
    const event = link.receive(request(gateway));
    if (event.kind !== 'reply') throw new Error(`${event.kind} instead of a reply`);
    const frame = parseEthernet(unprefixed(event.frame));
    expect(frame).toMatchObject({ destination: guestMac, source: gatewayMac, etherType: EtherType.ARP });
    expect(parseArp(frame.fault === undefined ? frame.payload : payload)).toEqual({
      operation: 'reply',
      senderMac: gatewayMac,
      senderAddress: gateway,
      targetMac: guestMac,
      targetAddress: guest,
    });
    expect(link.receive(request(Uint8Array.of(169, 254, 77, 3)))).toEqual({ kind: 'ignored' });
    expect(link.receive(request(guest, nobody))).toEqual({ kind: 'ignored' }); // a probe (RFC 5227)
    expect(link.receive(request(gateway, gateway))).toEqual({ kind: 'ignored' }); // it claims to be the gateway
  });

  test('takes RARP and gratuitous ARP as an announcement, and the MAC address from it', () => {
    const rarp = encodeArp({
      operation: 'reverse-request',
      senderMac: guestMac,
      senderAddress: nobody,
      targetMac: guestMac,
      targetAddress: nobody,
    });
    const gratuitous = (operation: 'request' | 'reply') =>
      encodeArp({ operation, senderMac: guestMac, senderAddress: guest, targetMac: anyMac, targetAddress: guest });
    for (const [etherType, message] of [
      [EtherType.RARP, rarp],
      [EtherType.ARP, gratuitous('request')],
      [EtherType.ARP, gratuitous('reply')],
    ] as const) {
      const link = new NetdevLink();
      expect(link.station, 'not heard yet').toBeUndefined();
      const station = '52:54:00:12:34:56';
      expect(link.receive(encodeEthernet(anyMac, guestMac, etherType, message))).toEqual({ kind: 'announced', station });
      expect(link.station).toBe(station);
      expect(link.describe()).toBe('52:54:00:12:34:56 169.254.77.2:7000');
    }
  });

  test('ignores whatever is not for it', () => {
    const link = new NetdevLink();
    const broken = udpFrame();
    broken[20]! ^= 1;
    const frames = [
      new Uint8Array(0),
      new Uint8Array(13),
      encodeEthernet(anyMac, guestMac, EtherType.IPV6, payload),
      encodeEthernet(anyMac, guestMac, EtherType.XIP, new Uint8Array(0)),
      encodeEthernet(anyMac, guestMac, EtherType.ARP, payload),
      encodeEthernet(anyMac, guestMac, EtherType.IPV4, payload),
      udpFrame({ destinationPort: 7001 }),
      udpFrame({ destination: Uint8Array.of(8, 8, 8, 8) }),
      udpFrame({ payload: new Uint8Array(0) }),
      broken,
    ];
    for (const frame of frames) expect(link.receive(frame)).toEqual({ kind: 'ignored' });
    expect(link.describe()).toBe('ff:ff:ff:ff:ff:ff 169.254.77.2:7000');
  });
});
