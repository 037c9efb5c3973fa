import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createIdentity, PrincipalType, sealCertificate, xidOf } from 'xia-core';
import { stringify } from 'yaml';
import { numberedXid } from './workload.js';

/** Where the packets of the benchmark go: an AD that the router has a static route to. */
export const TARGET_AD = numberedXid(PrincipalType.AD, 0);
const MTU = 65_507;
const DAY_MS = 86_400_000;

export interface RouterSetup {
  readonly sinkPort: number;
  readonly offload: 'auto' | 'off';
  readonly cache?: Readonly<Record<string, unknown>>;
}

/** Writes the configuration of a router between a generator (face `in`) and a sink (face `out`), with keys of its own. */
export async function writeRouterConfig(folder: string, name: string, setup: RouterSetup): Promise<string> {
  const file = (extension: string) => join(folder, `${name}.${extension}`);
  const [node, ad] = [await createIdentity(file('key')), await createIdentity(file('ad.key'))];
  const now = Date.now();
  const certificate = sealCertificate(
    { ad: xidOf(PrincipalType.AD, ad), hid: xidOf(PrincipalType.HID, node), notBefore: now - DAY_MS, notAfter: now + DAY_MS },
    ad,
  );
  await writeFile(file('cert'), Buffer.from(certificate).toString('base64'));
  const udp = { listen: '127.0.0.1:0', offload: setup.offload };
  const config = {
    name,
    role: 'router',
    key: file('key'),
    ad: { certificate: file('cert') },
    faces: [
      { name: 'in', role: 'peer', mtu: MTU, udp },
      { name: 'out', role: 'peer', mtu: MTU, udp: { ...udp, peers: [`127.0.0.1:${setup.sinkPort}`] } },
    ],
    routes: [{ to: TARGET_AD.toString(), via: 'out' }],
    // Nothing but the packets of the benchmark is to be counted.
    routing: { enabled: false },
    ...(setup.cache === undefined ? {} : { cache: setup.cache }),
    log: { level: 'warn', file: file('log') },
  };
  await writeFile(file('yaml'), stringify(config));
  return file('yaml');
}
