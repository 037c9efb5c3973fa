import {
  generateIdentity,
  PrincipalType,
  sealCertificate,
  xidOf,
  XiaNode,
  type NodeIdentity,
  type Xid,
  type XiaNodeOptions,
} from 'xia-core';

const LOOPBACK = '127.0.0.1:0';
const MTU = 65_507;

/** An AD with one router, on free loopback ports. */
export async function startRouter(
  options: Partial<XiaNodeOptions> = {},
): Promise<{ node: XiaNode; ad: Xid; adIdentity: NodeIdentity; access: string; link: string }> {
  const adIdentity = generateIdentity();
  const identity = generateIdentity();
  const ad = xidOf(PrincipalType.AD, adIdentity);
  const certificate = sealCertificate(
    { ad, hid: xidOf(PrincipalType.HID, identity), notBefore: 0, notAfter: Date.now() + 86_400_000 },
    adIdentity,
  );
  const node = await XiaNode.start({
    identity,
    role: 'router',
    router: { certificate, beacon: { intervalMs: 50 } },
    faces: [
      { name: 'access', role: 'access', mtu: MTU, udp: { listen: LOOPBACK } },
      { name: 'link', role: 'peer', mtu: MTU, udp: { listen: LOOPBACK } },
    ],
    ...options,
  });
  const addresses = node.faceAddresses();
  return { node, ad, adIdentity, access: addresses['access']!, link: addresses['link']! };
}

/** A host attached to an access address, with an access face of its own. */
export async function startHost(access: string): Promise<{ node: XiaNode; access: string }> {
  const node = await XiaNode.start({
    role: 'host',
    faces: [
      { name: 'up', role: 'uplink', mtu: MTU, udp: { listen: LOOPBACK, peers: [access] } },
      { name: 'apps', role: 'access', mtu: MTU, udp: { listen: LOOPBACK } },
    ],
  });
  return { node, access: node.faceAddresses()['apps']! };
}

/** An application attached to an access address. */
export async function startApplication(access: string, options: Partial<XiaNodeOptions> = {}): Promise<XiaNode> {
  return XiaNode.start({ faces: [{ name: 'host', role: 'uplink', mtu: MTU, udp: { listen: LOOPBACK, peers: [access] } }], ...options });
}
