import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BROADCAST_MAC,
  decodeXcmp,
  encodeEcho,
  encodeEthernet,
  encodeXarp,
  encodeXip,
  EtherType,
  generateIdentity,
  hostDag,
  macToText,
  NextHeader,
  parseEthernet,
  parseHostPort,
  parseXarp,
  PrincipalType,
  sealCertificate,
  Xid,
  XiaNode,
  xidOf,
  XipView,
  type FaceConfig,
  type XiaNodeOptions,
} from 'xia-core';
import { macOfHid } from '../../../xia-core/src/io/ethernet-link.js';
import { frames } from '../../data/vectors.js';

const LOOPBACK = '127.0.0.1:0';
const [AD_IDENTITY_A, AD_IDENTITY_B] = [generateIdentity(), generateIdentity()];
const [A, B] = [generateIdentity(), generateIdentity()];
const [AD_A, AD_B] = [xidOf(PrincipalType.AD, AD_IDENTITY_A), xidOf(PrincipalType.AD, AD_IDENTITY_B)];
const [HID_A, HID_B] = [xidOf(PrincipalType.HID, A), xidOf(PrincipalType.HID, B)];

const captured = parseXarp(frames.get('XARP-op1')!.subarray(14));
if (captured.fault !== undefined) throw new Error(captured.fault);
/** The prototype's host0. */
const { senderXid: HOST0, senderMac: HOST0_MAC } = captured;
const AD0 = Xid.of(PrincipalType.AD, 'e5a3d3ffe08c70b7978619ca68381d2b34f72079');

async function startRouter(which: 'A' | 'B', faces: FaceConfig[], routes: XiaNodeOptions['routes']): Promise<XiaNode> {
  const [identity, adIdentity] = which === 'A' ? [A, AD_IDENTITY_A] : [B, AD_IDENTITY_B];
  const [ad, hid] = [xidOf(PrincipalType.AD, adIdentity), xidOf(PrincipalType.HID, identity)];
  const certificate = sealCertificate({ ad, hid, notBefore: 0, notAfter: Date.now() + 86_400_000 }, adIdentity);
  return XiaNode.start({ identity, role: 'router', router: { certificate }, faces, routes: routes ?? [] });
}

function ethernet(name: string, peers: string[] = []): FaceConfig {
  return { name, role: 'peer', ethernet: { listen: LOOPBACK, peers } };
}

interface FaceView {
  readonly name: string;
  readonly neighbours: readonly { readonly address: string }[];
  readonly details: Readonly<Record<string, number>>;
}
const faceOf = (node: XiaNode, name: string) => (node.show('faces') as FaceView[]).find((face) => face.name === name)!;

describe('nodes on Ethernet', () => {
  let a: XiaNode;
  let b: XiaNode;
  let prototype: Socket;

  beforeEach(async () => {
    prototype = createSocket('udp4');
    prototype.bind(0, '127.0.0.1');
    await once(prototype, 'listening');
    a = await startRouter(
      'A',
      [ethernet('eth0'), ethernet('eth1', [`127.0.0.1:${prototype.address().port}`])],
      [
        { to: AD_B, via: 'eth0', nextHop: HID_B },
        { to: AD0, via: 'eth1', nextHop: HOST0 },
      ],
    );
    b = await startRouter(
      'B',
      [ethernet('eth0', [a.faceAddresses()['eth0']!])],
      [
        { to: AD_A, via: 'eth0', nextHop: HID_A },
        { to: AD0, via: 'eth0', nextHop: HID_A },
      ],
    );
  });
  afterEach(async () => {
    prototype.close();
    await Promise.all([a.close(), b.close()]);
  });

  it('find each other by XARP, both of them ours', async () => {
    await using echo = b.echo();
    const answered = once(echo, 'reply');
    expect(echo.send(a.dag(), { sequence: 1, size: 1000 })).toBe(true);
    const [reply] = await answered;
    expect(reply).toMatchObject({ kind: 'reply', bytes: 1008, intact: true });
    expect(faceOf(b, 'eth0').neighbours[0]!.address).toBe(`${macToText(macOfHid(HID_A))} ${HID_A.toString()}`);
    for (const node of [a, b]) expect(faceOf(node, 'eth0').details).toMatchObject({ asked: 1, learned: 1, xarpRepliesSent: 1 });
  });

  it('one of them the prototype, which asks, is asked, and is answered by a third one behind us', async () => {
    // B speaks first, so that A knows where it is.
    await using echo = b.echo();
    const known = once(echo, 'reply');
    echo.send(a.dag(), { sequence: 1 });
    await known;

    const { address, port } = parseHostPort(a.faceAddresses()['eth1']!);
    const send = (to: Uint8Array, etherType: number, payload: Uint8Array) =>
      prototype.send(encodeEthernet(to, HOST0_MAC, etherType, payload), port, address);
    const got: string[] = [];
    const replied = new Promise<XipView>((resolve) => {
      prototype.on('message', (bytes: Uint8Array) => {
        const frame = parseEthernet(bytes);
        if (frame.fault !== undefined) throw new Error(frame.fault);
        if (frame.etherType === EtherType.XIP) {
          const view = new XipView();
          if (view.reset(frame.payload) === undefined && view.nextHeader === NextHeader.XCMP) resolve(view);
          return;
        }
        const message = parseXarp(frame.payload);
        if (message.fault !== undefined) throw new Error(message.fault);
        got.push(`${message.operation} ${message.targetXid.toString()}`);
        if (message.operation === 'reply') {
          const packet = encodeXip({
            nextHeader: NextHeader.XCMP,
            destination: hostDag(AD_B, HID_B),
            source: hostDag(AD0, HOST0),
            payload: encodeEcho({ id: 0x3d47, sequence: 7, data: Uint8Array.from({ length: 56 }, (_, index) => index) }),
            hopLimit: 249,
          });
          send(message.senderMac, EtherType.XIP, packet);
          return;
        }
        const reply = encodeXarp({
          ...message,
          operation: 'reply',
          senderMac: HOST0_MAC,
          senderXid: HOST0,
          targetMac: message.senderMac,
          targetXid: message.senderXid,
        });
        send(message.senderMac, EtherType.XARP, reply);
      });
    });
    const request = encodeXarp({
      operation: 'request',
      senderMac: HOST0_MAC,
      senderXid: HOST0,
      targetMac: new Uint8Array(6),
      targetXid: HID_A,
    });
    send(BROADCAST_MAC, EtherType.XARP, request);

    const view = await replied;
    expect(decodeXcmp(view.payload())).toMatchObject({ kind: 'echo-reply', id: 0x3d47, sequence: 7 });
    expect([view.sourceDag().toString(), view.hopLimit]).toEqual([hostDag(AD_B, HID_B).toString(), 249]);
    expect(got).toEqual([`reply ${HOST0.toString()}`, `request ${HOST0.toString()}`]);
    expect(faceOf(a, 'eth1').details).toMatchObject({ learned: 1, xarpRepliesSent: 1, notForUs: 0, badXarp: 0 });
  });
});

describe('the configuration of an Ethernet face', () => {
  const start = (ethernetOptions: object, nextHop?: Xid) =>
    startRouter(
      'A',
      [{ name: 'eth0', role: 'peer', ethernet: { listen: LOOPBACK, ...ethernetOptions } }],
      [{ to: AD_B, via: 'eth0', nextHop }],
    );

  it.each([
    ['a MAC address that is none', { mac: 'zz' }, HID_B],
    ['the address of a group', { mac: '01:00:00:00:00:01' }, HID_B],
    ['a next hop that is no HID', {}, AD_B],
    ['a next hop that nobody may ask for', { xarp: false }, HID_B],
    ['a neighbour that is no HID', { neighbours: [{ xid: AD_B, mac: '02:00:00:00:00:01' }] }, HID_B],
  ])('refuses %s', async (_what, options, nextHop) => {
    await expect(start(options, nextHop)).rejects.toMatchObject({ code: 'bad-config' });
  });

  it('refuses a next hop on a face whose neighbours have no names', async () => {
    const faces: FaceConfig[] = [{ name: 'eth0', role: 'peer', udp: { listen: LOOPBACK } }];
    await expect(startRouter('A', faces, [{ to: AD_B, via: 'eth0', nextHop: HID_B }])).rejects.toMatchObject({ code: 'bad-config' });
  });
});
