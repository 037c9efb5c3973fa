import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Dag, generateIdentity, PrincipalType, sealCertificate, XiaNode, xidOf } from 'xia-core';
import { loadNodeConfig } from '../../xrouter/src/xrouter/config.js';
import { temporaryFolder } from './support.js';

const U4ID = `U4ID:${'45'.repeat(20)}`;

async function startRouter(faces: { name: string; peers: string[] }[], extra: string): Promise<XiaNode> {
  const [key, adIdentity] = [generateIdentity(), generateIdentity()];
  const file = join(await temporaryFolder(), 'R.yaml');
  const list = faces.map(
    ({ name, peers }) => `  - { name: ${name}, role: peer, udp: { listen: '127.0.0.1:0', peers: ${JSON.stringify(peers)} } }`,
  );
  await writeFile(file, `name: R\nrole: router\nkey: R.key\nad: { certificate: R.cert }\nfaces:\n${list.join('\n')}\n${extra}`);
  const config = await loadNodeConfig(file);
  const [ad, hid] = [xidOf(PrincipalType.AD, adIdentity), xidOf(PrincipalType.HID, key)];
  const certificate = sealCertificate({ ad, hid, notBefore: 0, notAfter: Date.now() + 86_400_000 }, adIdentity);
  return XiaNode.start({
    identity: key,
    role: 'router',
    router: { certificate },
    faces: config.faces,
    principals: Object.values(config.principals),
    routes: config.routes,
  });
}

it('routes by a type that one line of configuration adds, and passes over it where that line is missing', async () => {
  await using target = await startRouter([{ name: 'in', peers: [] }], '');
  const to = target.faceAddresses()['in']!;
  const back = `routes: [{ to: '${target.ad!.toString()}', via: out }]`;
  await using plain = await startRouter([{ name: 'out', peers: [to] }], back);
  await using knowing = await startRouter(
    [{ name: 'out', peers: [to] }],
    `principals: { U4ID: 0x15 }\nroutes: [{ to: '${U4ID}', via: out }]`,
  );
  const withFallback = Dag.parse(`RE ( ${target.ad!.toString()} ${target.hid.toString()} ) ${U4ID}`);
  expect(withFallback.intent.type).toBe(0x15);
  expect(Dag.parse(withFallback.toDagText()).toString()).toBe(withFallback.toString());

  const routes = knowing.show('routes') as { type: string; xid: string; next: string }[];
  expect(routes).toContainEqual({ type: 'U4ID', xid: U4ID, next: 'out', source: 'static', cost: null });
  expect((plain.show('routes') as { type: string }[]).filter(({ type }) => type === 'U4ID')).toEqual([]);

  // The one that knows the type sends by its entry, though it has no way to the AD; the other one by the fallback.
  for (const [node, address] of [
    [knowing, Dag.parse(`RE ${U4ID} ${target.hid.toString()}`)],
    [plain, withFallback],
  ] as const) {
    await using echo = node.echo();
    const before = target.stats()['path']!['received']!;
    expect(echo.send(address, { sequence: 1 })).toBe(true);
    while (target.stats()['path']!['received'] === before) await new Promise((resolve) => setImmediate(resolve));
  }
  await using refused = plain.echo();
  expect(refused.send(Dag.parse(`RE ${U4ID}`), { sequence: 1 })).toBe(false);
});
