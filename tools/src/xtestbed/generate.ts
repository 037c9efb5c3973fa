import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  generateIdentity,
  PrincipalType,
  saveIdentity,
  sealCertificate,
  serviceDag,
  SID_NAME_SERVICE,
  xidOf,
  type NodeIdentity,
  type Xid,
} from 'xia-core';
import { stringify } from 'yaml';
import { freePorts } from './free-ports.js';
import { linkPortCount, planLinks } from './plan-links.js';
import type { PlannedNode } from './planned-node.js';
import { adRoutes, type Topology } from './topology.js';
import { accessAddress, accessSockets, socketFile, uplinkSockets } from './underlay.js';

/** Certificates of a testbed are valid from a day ago, against clocks that differ, for a year. */
const CERTIFICATE_BACKDATE_MS = 86_400_000;
const CERTIFICATE_LIFETIME_MS = 365 * 86_400_000;
const NAME_SERVER = 'NS';

export interface TestbedPlan {
  readonly ads: Readonly<Record<string, string>>;
  readonly nameServer?: string;
  readonly nodes: readonly PlannedNode[];
}

/**
 * Makes the keys and one configuration file per daemon.
 *
 * Everything is below `runDir` but the sockets: their paths must be short, so they are in `socketDir`.
 */
export async function generate(topology: Topology, runDir: string, socketDir: string): Promise<TestbedPlan> {
  const keyDir = join(runDir, 'keys');
  const configDir = join(runDir, 'config');
  const logDir = join(runDir, 'logs');
  for (const folder of [keyDir, configDir, logDir]) await mkdir(folder, { recursive: true });

  const newIdentity = async (name: string): Promise<NodeIdentity> => {
    const identity = generateIdentity();
    await saveIdentity(join(keyDir, `${name}.key`), identity);
    return identity;
  };
  const routerNames = Object.keys(topology.routers);
  const hostNames = Object.keys(topology.hosts);
  const { underlay } = topology;
  const nodePortCount = underlay === 'udp' ? routerNames.length + 2 * hostNames.length : 0;
  const ports = await freePorts(nodePortCount + linkPortCount(topology.links, underlay));
  const nextAddress = () => `127.0.0.1:${ports.shift() ?? 0}`;

  const adIdentities = new Map<string, NodeIdentity>();
  for (const { ad } of Object.values(topology.routers)) if (!adIdentities.has(ad)) adIdentities.set(ad, await newIdentity(ad));
  const adXids = new Map<string, Xid>([...adIdentities].map(([name, identity]) => [name, xidOf(PrincipalType.AD, identity)]));
  const adXid = (name: string): Xid => adXids.get(name) as Xid;
  const trust = [...adXids.values()].map(String);

  const accesses = new Map([...routerNames, ...hostNames].map((name) => [name, accessAddress(underlay, name, socketDir, nextAddress)]));
  const accessOf = (name: string): string => accesses.get(name) as string;
  const links = planLinks(topology.links, { underlay, nextAddress, socketDir, logDir });
  const adOfHost = (host: string): string => topology.routers[topology.hosts[host]?.router ?? '']?.ad ?? '';

  const nodes: PlannedNode[] = [...links.nodes];
  let nameServerDag: string | undefined;
  const common = (name: string) => ({
    configFile: join(configDir, `${name}.yaml`),
    logFile: join(logDir, `${name}.log`),
    control: socketFile(socketDir, `${name}.ctl`),
  });
  const writeConfig = async (file: string, config: object) =>
    writeFile(file, `# Written by xtestbed for the topology ${topology.name}.\n${stringify(config, { lineWidth: 0 })}`);

  const nameServerHost = topology.nameserver?.host;
  if (nameServerHost !== undefined) {
    const identity = await newIdentity(NAME_SERVER);
    const hid = xidOf(PrincipalType.HID, identity);
    nameServerDag = serviceDag(adXid(adOfHost(nameServerHost)), hid, SID_NAME_SERVICE).toString();
  }

  const routes = adRoutes(topology);
  for (const [name, router] of Object.entries(topology.routers)) {
    const identity = await newIdentity(name);
    const hid = xidOf(PrincipalType.HID, identity);
    const now = Date.now();
    const certificate = sealCertificate(
      { ad: adXid(router.ad), hid, notBefore: now - CERTIFICATE_BACKDATE_MS, notAfter: now + CERTIFICATE_LIFETIME_MS },
      adIdentities.get(router.ad) as NodeIdentity,
    );
    const certificateFile = join(keyDir, `${name}.cert`);
    await writeFile(certificateFile, `${Buffer.from(certificate).toString('base64')}\n`);
    const peerFaces = (links.ends.get(name) ?? []).map(({ other, sockets, mtu, cost }) => {
      return { name: other, role: 'peer', mtu, cost, ...sockets };
    });
    const access = accessOf(name);
    const files = common(name);
    await writeConfig(files.configFile, {
      name,
      role: 'router',
      key: join(keyDir, `${name}.key`),
      ad: { certificate: certificateFile },
      ...(nameServerDag === undefined ? {} : { nameserver: nameServerDag }),
      faces: [{ name: 'access', role: 'access', mtu: 65_507, ...accessSockets(access) }, ...peerFaces],
      routing: { enabled: topology.routing === 'link-state' },
      routes: topology.routing === 'static' ? [...(routes.get(name) ?? [])].map(([ad, via]) => ({ to: String(adXid(ad)), via })) : [],
      cache: { bytes: Math.round(router.cacheMegabytes * 1e6), policy: router.cachePolicy, admit: router.cacheAdmit },
      beacon: topology.beacon,
      moves: topology.moves,
      control: files.control,
      log: { level: topology.log, file: files.logFile },
    });
    nodes.push({ name, kind: 'router', ad: router.ad, hid: String(hid), ...files, access, accessMtu: 65_507, vms: {} });
  }

  for (const [name, host] of Object.entries(topology.hosts)) {
    const identity = await newIdentity(name);
    const access = accessOf(name);
    const vms = Object.fromEntries(host.vms.map((vm) => [vm, socketFile(socketDir, `${name}.${vm}.sock`)]));
    const files = common(name);
    await writeConfig(files.configFile, {
      name,
      role: 'host',
      key: join(keyDir, `${name}.key`),
      trust,
      faces: [
        { name: 'up', role: 'uplink', mtu: host.mtu, ...uplinkSockets(accessOf(host.router), nextAddress) },
        { name: 'apps', role: 'access', mtu: host.mtu, ...accessSockets(access) },
        ...Object.entries(vms).map(([vm, path]) => ({ name: vm, role: 'access', netdev: { path } })),
      ],
      moves: topology.moves,
      control: files.control,
      log: { level: topology.log, file: files.logFile },
    });
    const hid = String(xidOf(PrincipalType.HID, identity));
    nodes.push({ name, kind: 'host', ad: adOfHost(name), hid, ...files, access, accessMtu: host.mtu, vms });
  }

  if (nameServerHost !== undefined && nameServerDag !== undefined) {
    const files = common(NAME_SERVER);
    await writeConfig(files.configFile, {
      name: NAME_SERVER,
      key: join(keyDir, `${NAME_SERVER}.key`),
      host: accessOf(nameServerHost),
      trust,
      data: join(runDir, 'names'),
      control: files.control,
      log: { level: topology.log, file: files.logFile },
    });
    const hid = /HID:[0-9a-f]{40}/.exec(nameServerDag)?.[0] ?? '';
    nodes.push({ name: NAME_SERVER, kind: 'nameserver', ad: adOfHost(nameServerHost), hid, ...files, vms: {} });
  }
  return {
    ads: Object.fromEntries([...adXids].map(([name, xid]) => [name, String(xid)])),
    ...(nameServerDag === undefined ? {} : { nameServer: nameServerDag }),
    nodes,
  };
}
