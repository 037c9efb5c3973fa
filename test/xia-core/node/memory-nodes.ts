import { generateIdentity, MemoryFace, PrincipalType, sealCertificate, XiaNode, xidOf, type XiaNodeOptions } from 'xia-core';

/** A router and an application that is attached to it, in this process and joined by memory. */
export async function memoryNodes(
  options: Partial<XiaNodeOptions> = {},
): Promise<{ readonly server: XiaNode; readonly client: XiaNode } & AsyncDisposable> {
  const [adIdentity, identity] = [generateIdentity(), generateIdentity()];
  const [ad, hid] = [xidOf(PrincipalType.AD, adIdentity), xidOf(PrincipalType.HID, identity)];
  const certificate = sealCertificate({ ad, hid, notBefore: 0, notAfter: Date.now() + 86_400_000 }, adIdentity);
  const [here, there] = [new MemoryFace({ name: 'access', role: 'access' }), new MemoryFace({ name: 'host', role: 'uplink' })];
  const faceOf = (face: MemoryFace) => [{ name: face.name, role: face.role, face }];
  const router = { certificate, beacon: { intervalMs: 50 } };
  const server = await XiaNode.start({ identity, role: 'router', router, ...options, faces: faceOf(here) });
  MemoryFace.connect(here, there);
  const client = await XiaNode.start({ ...options, faces: faceOf(there) });
  const close = async (): Promise<void> => {
    await client.close();
    await server.close();
  };
  return { server, client, [Symbol.asyncDispose]: close };
}
