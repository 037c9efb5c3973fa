import { PrincipalType, sealCertificate, xidOf, type Identity, type RoleOptions, type Xid } from 'xia-core';
import { simIdentity } from './sim-identity.js';
import type { SimNetwork, SimNode, SimNodeOptions } from './network.js';

const MTU = 1472;
const face = (name: string, role: 'access' | 'uplink' | 'peer') => ({ name, role, mtu: MTU });

interface RouterExtras extends Partial<SimNodeOptions> {
  readonly adIdentity?: Identity;
  readonly beacon?: { readonly intervalMs: number; readonly lifetimeMs: number };
}

/** A router of a new AD, or of that of `adIdentity`. Faces: `peer0..`, `access0..`. */
export function addRouter(
  network: SimNetwork,
  name: string,
  peers: number,
  accesses: number,
  options: RouterExtras = {},
): { node: SimNode; ad: Xid } {
  const { adIdentity = simIdentity(network.rng), identity = simIdentity(network.rng), beacon, ...rest } = options;
  const ad = xidOf(PrincipalType.AD, adIdentity);
  const hid = xidOf(PrincipalType.HID, identity);
  const certificate = sealCertificate({ ad, hid, notBefore: 0, notAfter: 4_000_000_000_000 }, adIdentity);
  const role: RoleOptions = { kind: 'router', ad, certificate, ...(beacon === undefined ? {} : { beacon }) };
  const faces = [
    ...Array.from({ length: peers }, (_, index) => face(`peer${index}`, 'peer')),
    ...Array.from({ length: accesses }, (_, index) => face(`access${index}`, 'access')),
  ];
  return { node: network.add(name, { identity, role, faces, cache: { bytes: 4_000_000, policy: 'fifo' }, ...rest }), ad };
}

/** A host. Faces: `up`, `access0..`. */
export function addHost(network: SimNetwork, name: string, accesses: number, options: Partial<SimNodeOptions> = {}): SimNode {
  return network.add(name, {
    identity: simIdentity(network.rng),
    role: { kind: 'host' },
    faces: [face('up', 'uplink'), ...Array.from({ length: accesses }, (_, index) => face(`access${index}`, 'access'))],
    ...options,
  });
}

/** An application or a virtual machine. Face: `up`. */
export function addApplication(network: SimNetwork, name: string, options: Partial<SimNodeOptions> = {}): SimNode {
  return network.add(name, {
    identity: simIdentity(network.rng),
    role: { kind: 'application' },
    faces: [face('up', 'uplink')],
    ...options,
  });
}
