import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createIdentity, PrincipalType, sealCertificate, xidOf, type NodeIdentity } from 'xia-core';
import { stringify } from 'yaml';
import { freePorts } from '../xtestbed/free-ports.js';
import { startProgram, type PartProcess, type Place, type StartOptions } from './parts.js';

export interface PairOptions extends StartOptions {
  /** For keys, certificates, configurations and logs. */
  readonly folder: string;
  /** Of every face. */
  readonly mtu: number;
  /** Bytes of the chunk cache of each router; 0 for none. */
  readonly cacheBytes: number;
  /** An emulated link between the routers, as options of `xlink`. */
  readonly emulated?: readonly string[] | undefined;
  /** Where each router runs, and the address by which the other one reaches it; both on loopback without it. */
  readonly sites?: readonly [Site, Site] | undefined;
}

export interface Site {
  readonly address: string;
  readonly place: Place;
}

/** Two routers, each with an AD of its own, linked. */
export interface RouterPair {
  readonly routers: readonly [PartProcess, PartProcess];
  /** The emulated link. */
  readonly link?: PartProcess | undefined;
  /** Where programs attach to each. */
  readonly access: readonly [string, string];
}

const DAY_MS = 86_400_000;
const NAMES = ['r1', 'r2'] as const;

/** Starts `xrouter run` twice, as anybody would. */
export async function startRouterPair({ folder, mtu, cacheBytes, profileFolder, emulated, sites }: PairOptions): Promise<RouterPair> {
  const file = (name: string, extension: string) => join(folder, `${name}.${extension}`);
  const [port1, port2, linkPort1, linkPort2] = (await freePorts(4)) as [number, number, number, number];
  const [access1, access2] = [`127.0.0.1:${port1}`, `127.0.0.1:${port2}`];
  const [address1, address2] = [sites?.[0].address ?? '127.0.0.1', sites?.[1].address ?? '127.0.0.1'];
  const [link1, link2] = [`${address1}:${linkPort1}`, `${address2}:${linkPort2}`];
  const between = emulated === undefined ? undefined : await startLink(link1, link2, emulated, { profileFolder });
  const ads = [await createIdentity(file('ad1', 'key')), await createIdentity(file('ad2', 'key'))] as const;
  const adXids = ads.map((ad) => xidOf(PrincipalType.AD, ad).toString());
  const ends = [
    { access: access1, link: link1, peer: between?.a ?? link2, ad: ads[0], other: adXids[1], place: sites?.[0].place },
    { access: access2, link: link2, peer: between?.b ?? link1, ad: ads[1], other: adXids[0], place: sites?.[1].place },
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
      // A cache that repairs has to keep what comes by for the first time.
      cache: { bytes: cacheBytes, admit: 'always' },
      log: { level: 'warn', file: file(name, 'log') },
    };
    await writeFile(file(name, 'yaml'), stringify(config));
    return (await startProgram('xrouter', ['run', '-c', file(name, 'yaml')], { profileFolder, place: end.place })).part;
  };
  let first: PartProcess | undefined;
  try {
    first = await start(ends[0]!, NAMES[0]);
    return { routers: [first, await start(ends[1]!, NAMES[1])], access: [access1, access2], link: between?.part };
  } catch (error) {
    await first?.stop();
    await between?.part.stop();
    throw error;
  }
}

/** An emulated link between two endpoints: `a` is where the first one sends to, `b` where the other one does. */
export async function startLink(
  one: string,
  other: string,
  options: readonly string[],
  start: StartOptions,
): Promise<{ part: PartProcess; a: string; b: string }> {
  const { part, said } = await startProgram('xlink', ['run', '--a', one, '--b', other, '--json', ...options], start);
  return { part, ...(said as { a: string; b: string }) };
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
