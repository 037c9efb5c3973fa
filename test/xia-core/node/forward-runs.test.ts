import { expect, test } from 'vitest';
import { Dag, encodeXip, generateIdentity, NextHeader, PrincipalType, sealCertificate, UdpFace, Xid, XiaNode, xidOf } from 'xia-core';
import { RecordingHandler } from '../io/recording-handler.js';

const FAR_AD = Xid.parse('AD:2000000000000000000000000000000000000002');

async function startRouter(peer: string, offload: 'auto' | 'off'): Promise<XiaNode> {
  const [adIdentity, identity] = [generateIdentity(), generateIdentity()];
  const ad = xidOf(PrincipalType.AD, adIdentity);
  const hid = xidOf(PrincipalType.HID, identity);
  return XiaNode.start({
    role: 'router',
    identity,
    router: { certificate: sealCertificate({ ad, hid, notBefore: 0, notAfter: 4_000_000_000_000 }, adIdentity) },
    faces: [
      { name: 'in', role: 'peer', udp: { listen: '127.0.0.1:0', offload } },
      { name: 'out', role: 'peer', udp: { listen: '127.0.0.1:0', peers: [peer], offload } },
    ],
    routes: [{ to: FAR_AD, via: 'out' }],
    // The receiver is to hear nothing else.
    routing: { enabled: false },
  });
}

async function openedFace(peers: readonly string[]) {
  const heard = new RecordingHandler();
  const face = new UdpFace({ name: 'end', role: 'peer', listen: '127.0.0.1:0', peers, offload: 'auto' });
  await face.open(heard);
  return { face, heard, address: face.describe().address };
}

test.each(['auto', 'off'] as const)('a router sends on every packet of a run, in order (its offload: %s)', async (offload) => {
  const receiver = await openedFace([]);
  await using router = await startRouter(receiver.address, offload);
  const sender = await openedFace([router.faceAddresses()['in']!]);
  const destination = Dag.parse(`RE ${FAR_AD.toString()}`);
  const source = Dag.parse('RE HID:3000000000000000000000000000000000000003');
  const packets = Array.from({ length: 40 }, (_, number) =>
    encodeXip({ nextHeader: NextHeader.NONE, destination, source, payload: Buffer.alloc(number === 39 ? 100 : 1000, number) }),
  );
  const sent = sender.face.sendRun(1, Buffer.concat(packets), packets[0]!.length);
  await receiver.heard.until((handler) => handler.packets.length === 40);
  for (const packet of packets) packet[4] = packet[4]! - 1;
  expect(sent).toBe(40);
  expect(receiver.heard.packets.map(({ bytes }) => bytes.toString('hex'))).toEqual(
    packets.map((packet) => Buffer.from(packet).toString('hex')),
  );
  expect(router.stats()['forwarding']).toMatchObject({ forwarded: 40 });
  await Promise.all([sender.face.close(), receiver.face.close()]);
});
