import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createIdentity, PrincipalType, sealCertificate, xidOf, type NodeIdentity } from 'xia-core';
import { stringify } from 'yaml';
import { freePorts } from '../xtestbed/free-ports.js';
import { startProgram, type PartProcess, type StartOptions } from './parts.js';

export interface PairOptions extends StartOptions {
  /** For keys, certificates, configurations and logs. */
  readonly folder: string;
  /** Of every face. */
  readonly mtu: number;
  /** Bytes of the chunk cache of each router; 0 for none. */
  readonly cacheBytes: number;
}

/** Two routers, each with an AD of its own, linked. */
export interface RouterPair {
  readonly routers: readonly [PartProcess, PartProcess];
  /** Where programs attach to each. */
  readonly access: readonly [string, string];
}

const DAY_MS = 86_400_000;
const NAMES = ['r1', 'r2'] as const;

/** Starts `xrouter run` twice, as anybody would. */
export async function startRouterPair({ folder, mtu, cacheBytes, profileFolder }: PairOptions): Promise<RouterPair> {
  const file = (name: string, extension: string) => join(folder, `${name}.${extension}`);
  const [access1, access2, link1, link2] = (await freePorts(4)).map((port) => `127.0.0.1:${port}`) as [string, string, string, string];
  const ads = [await createIdentity(file('ad1', 'key')), await createIdentity(file('ad2', 'key'))] as const;
  const adXids = ads.map((ad) => xidOf(PrincipalType.AD, ad).toString());
  const ends = [
    { access: access1, link: link1, peer: link2, ad: ads[0], other: adXids[1] },
    { access: access2, link: link2, peer: link1, ad: ads[1], other: adXids[0] },
  ];
  const start = async (end: (typeof ends)[number], name: string): Promise<PartProcess> => {
    const identity = await createIdentity(file(name, 'key'));
    await writeFile(file(name, 'cert'), certificateText(identity, end.ad));
    const config = {
      name,
      role: 'router',
      key: file(name, 'key'),
      ad: { certificate: file(name, 'cert') },
      faces: [
        { name: 'access', role: 'access', mtu, udp: { listen: end.access } },
        { name: 'link', role: 'peer', mtu, udp: { listen: end.link, peers: [end.peer] } },
      ],
      // Static, so that everything is ready once both run.
      routing: { enabled: false },
      routes: [{ to: end.other, via: 'link' }],
      cache: { bytes: cacheBytes },
      log: { level: 'warn', file: file(name, 'log') },
    };
    await writeFile(file(name, 'yaml'), stringify(config));
    return startProgram('xrouter', ['run', '-c', file(name, 'yaml')], { profileFolder });
  };
  const first = await start(ends[0]!, NAMES[0]);
  try {
    return { routers: [first, await start(ends[1]!, NAMES[1])], access: [access1, access2] };
  } catch (error) {
    await first.stop();
    throw error;
  }
}

function certificateText(router: NodeIdentity, ad: NodeIdentity): string {
  const now = Date.now();
  const statement = {
    ad: xidOf(PrincipalType.AD, ad),
    hid: xidOf(PrincipalType.HID, router),
    notBefore: now - DAY_MS,
    notAfter: now + DAY_MS,
  };
  return Buffer.from(sealCertificate(statement, ad)).toString('base64');
}
