import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { generateIdentity, PrincipalType, sealCertificate, UdpFace, Xid, xidOf, type XiaNode } from 'xia-core';
import { RecordingHandler } from '../io/recording-handler.js';
import { startApplication, startHost, startRouter } from './testbed.js';

const LOOPBACK = '127.0.0.1:0';
const ELSEWHERE = Xid.of(PrincipalType.AD, '2'.repeat(40));

const nodes: XiaNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});

const routes = (node: XiaNode) => node.show('routes') as { xid: string; next: string }[];

async function echoed(from: XiaNode, to: XiaNode): Promise<string> {
  await using echo = from.echo();
  const answered = once(echo, 'reply');
  echo.send(to.dag(), { sequence: 1 });
  const [reply] = (await answered) as [{ kind: string }];
  return reply.kind;
}

describe('a node that is changed while it runs', () => {
  it('lets others attach by a face that was added, and no more by one that was removed', async () => {
    const router = await startRouter();
    nodes.push(router.node);
    const id = await router.node.reconfigure.addFace({ name: 'second', role: 'access', udp: { listen: LOOPBACK } });
    const [one, two] = [await startApplication(router.access), await startApplication(router.node.faceAddresses()['second']!)];
    nodes.push(one, two);
    expect(await echoed(one, two)).toBe('reply');
    await router.node.reconfigure.removeFace(id);
    expect(await echoed(one, two)).toBe('unreachable');
    expect(router.node.faceAddresses()).not.toHaveProperty('second');
    await router.node.reconfigure.removeFace(id);
  });

  it('has no new face when it cannot be opened', async () => {
    const router = await startRouter();
    nodes.push(router.node);
    const listen = router.node.faceAddresses()['link']!;
    const adding = router.node.reconfigure.addFace({ name: 'second', role: 'peer', udp: { listen } });
    await expect(adding).rejects.toMatchObject({ code: 'address-in-use' });
    expect(Object.keys(router.node.faceAddresses())).toEqual(['access', 'link']);
    expect(router.node.reconfigure.faceId('second')).toBeUndefined();
  });

  it('sets, turns and removes routes', async () => {
    const router = await startRouter();
    nodes.push(router.node);
    const { reconfigure } = router.node;
    const next = () => routes(router.node).find(({ xid }) => xid === ELSEWHERE.toString())?.next;
    reconfigure.setRoute(ELSEWHERE, reconfigure.faceId('link')!);
    expect(next()).toBe('link');
    reconfigure.setRoute(ELSEWHERE, reconfigure.faceId('access')!);
    expect(next()).toBe('access');
    reconfigure.removeRoute(ELSEWHERE);
    expect(next()).toBeUndefined();
    expect(() => reconfigure.setRoute(router.ad, 1)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });

  it('looks for another place when the face that it is attached by goes', async () => {
    const [one, other] = [await startRouter(), await startRouter()];
    const { node } = await startHost(one.access);
    nodes.push(one.node, other.node, node);
    await node.reconfigure.addFace({ name: 'other', role: 'uplink', udp: { listen: LOOPBACK, peers: [other.access] } });
    expect(node.ad?.equals(one.ad)).toBe(true);
    const again = once(node, 'attach');
    await node.reconfigure.removeFace(node.reconfigure.faceId('up')!);
    await again;
    expect(node.ad?.equals(other.ad)).toBe(true);
  });

  it('believes no router that it hears by a face that is gone, nor loses what came while the process had no time', async () => {
    const router = await startRouter();
    const { node } = await startHost(router.access);
    nodes.push(router.node, node);
    const count = (name: string) => node.stats()['mobility']?.[name] ?? 0;
    const accepted = count('beacon:accepted');
    // While what is under way still comes in, two beacons do: to bind to them would be to bind to where nothing can be sent.
    const removed = node.reconfigure.removeFace(node.reconfigure.faceId('up')!);
    // Longer than the face waits for what is under way, and than two beacons of the router, which is in this process.
    setTimeout(() => {
      for (const untilMs = performance.now() + 150; performance.now() < untilMs;);
    }, 3);
    await removed;
    expect(node.show('attachment')).toMatchObject({ state: 'searching' });
    expect(count('beacon:accepted')).toBe(accepted);
    expect(count('message:face-gone')).toBeGreaterThan(0);
  });

  it('believes no router that was its peer and goes on sending', async () => {
    const router = await startRouter();
    const { node } = await startHost(router.access);
    nodes.push(router.node, node);
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = `127.0.0.1:${silent.address().port}`;
    const change = (peers: string[]) => node.reconfigure.updateFace(node.reconfigure.faceId('up')!, { role: 'uplink', mtu: 65_507, peers });
    change([address]);
    const heard = () => node.stats()['mobility']?.['message:former-peer'] ?? 0;
    while (heard() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(node.show('attachment')).toMatchObject({ state: 'searching' });
    const again = once(node, 'attach');
    change([address, router.access]);
    await again;
    expect(node.ad?.equals(router.ad)).toBe(true);
    silent.close();
  });

  it('does so as well when its peer goes, or is trusted no more', async () => {
    const [one, other] = [await startRouter(), await startRouter()];
    const { node } = await startHost(one.access);
    nodes.push(one.node, other.node, node);
    const up = node.reconfigure.faceId('up')!;
    const toOther = once(node, 'attach');
    node.reconfigure.updateFace(up, { role: 'uplink', mtu: 65_507, peers: [other.access] });
    await toOther;
    expect(node.ad?.equals(other.ad)).toBe(true);
    node.reconfigure.updateFace(up, { role: 'uplink', mtu: 65_507, peers: [other.access, one.access] });
    const toOne = once(node, 'attach');
    node.reconfigure.setTrust([one.ad]);
    await toOne;
    expect(node.ad?.equals(one.ad)).toBe(true);
  });

  it('changes an MTU in place, and tells the largest packet that its links bear', async () => {
    const router = await startRouter();
    nodes.push(router.node);
    const { reconfigure } = router.node;
    const address = router.node.faceAddresses()['link'];
    reconfigure.updateFace(reconfigure.faceId('link')!, { role: 'peer', mtu: 1472 });
    expect(router.node.faceAddresses()['link']).toBe(address);
    const application = await startApplication(router.access);
    nodes.push(application);
    expect(application.show('attachment')).toMatchObject({ mtu: 1472 });
    expect(() => reconfigure.updateFace(reconfigure.faceId('link')!, { role: 'peer', mtu: 70_000 })).toThrow(
      expect.objectContaining({ code: 'bad-config' }),
    );
  });

  it('tells another name server', async () => {
    const router = await startRouter();
    const application = await startApplication(router.access);
    nodes.push(router.node, application);
    expect(application.nameServer).toBeUndefined();
    const server = application.dag(Xid.of(PrincipalType.SID, '7'.repeat(40)));
    application.reconfigure.setNameServer(server);
    expect(application.nameServer?.equals(server)).toBe(true);
    application.reconfigure.setNameServer(undefined);
    router.node.reconfigure.setNameServer(server);
    while (application.nameServer === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(application.nameServer.equals(server)).toBe(true);
  });

  it('tells a renewed certificate to the routers next to it', async () => {
    const router = await startRouter();
    nodes.push(router.node);
    const neighbour = new UdpFace({ name: 'next', role: 'peer', listen: LOOPBACK, peers: [router.link] });
    const heard = new RecordingHandler();
    await neighbour.open(heard);
    neighbour.send(1, Buffer.alloc(8));
    const { ad, adIdentity, node } = router;
    const certificate = sealCertificate({ ad, hid: node.hid, notBefore: 0, notAfter: Date.now() + 9e9 }, adIdentity);
    node.reconfigure.setCertificate(certificate);
    const renewed = () => heard.packets.filter(({ bytes }) => Buffer.from(bytes).includes(Buffer.from(certificate)));
    await heard.until(() => renewed().length > 0);
    await neighbour.close();
    expect(renewed().length).toBeGreaterThan(0);
  });

  it('takes a certificate of its AD, of no other, and for nobody else', async () => {
    const router = await startRouter();
    nodes.push(router.node);
    const sealed = (by: typeof router.adIdentity, hid: Xid) =>
      sealCertificate({ ad: xidOf(PrincipalType.AD, by), hid, notBefore: 0, notAfter: Date.now() + 9e9 }, by);
    const { reconfigure, hid } = router.node;
    expect(() => reconfigure.setCertificate(sealed(router.adIdentity, hid))).not.toThrow();
    expect(() => reconfigure.setCertificate(sealed(generateIdentity(), hid))).toThrow(expect.objectContaining({ code: 'refused' }));
    const stranger = xidOf(PrincipalType.HID, generateIdentity());
    expect(() => reconfigure.setCertificate(sealed(router.adIdentity, stranger))).toThrow(expect.objectContaining({ code: 'bad-key' }));
  });

  it('forgets a principal type that nothing is routed by', async () => {
    const router = await startRouter();
    nodes.push(router.node);
    const { reconfigure } = router.node;
    const foreign = new Xid(0x99, new Uint8Array(20).fill(4));
    reconfigure.addPrincipal(0x99);
    reconfigure.setRoute(foreign, reconfigure.faceId('link')!);
    expect(() => reconfigure.removePrincipal(0x99)).toThrow(expect.objectContaining({ code: 'refused' }));
    reconfigure.removeRoute(foreign);
    reconfigure.removePrincipal(0x99);
    expect(() => reconfigure.removePrincipal(PrincipalType.AD)).toThrow(expect.objectContaining({ code: 'refused' }));
  });
});
