import type { AttachOptions, MobilityOptions } from '../mobility/index.js';
import type { Dag } from '../dag/index.js';
import type { Xid } from '../xid/index.js';
import type { FaceRole, FaceTable } from './face-table.js';

/** The largest UDP payload over IPv4. */
const LARGEST_MTU = 65_507;

/** A router owns an AD: it sends the AD's beacons and accepts bindings. */
export interface RouterOptions {
  readonly kind: 'router';
  readonly ad: Xid;
  /** Statement bytes: the AD's certificate for this router's key. */
  readonly certificate: Uint8Array;
  readonly beacon?: { readonly intervalMs?: number | undefined; readonly lifetimeMs?: number | undefined };
  /** Told to everybody who attaches. */
  readonly nameServer?: Dag | undefined;
}

/** A host attaches to its access point and lets others attach to it; an application only attaches. */
export interface AttachingOptions {
  readonly kind: 'host' | 'application';
  readonly attach?: AttachOptions;
}

export type RoleOptions = RouterOptions | AttachingOptions;

/** The role as the mobility layer wants it. */
export function mobilityRole(role: RoleOptions, faces: FaceTable): MobilityOptions['role'] {
  if (role.kind === 'router') {
    const { kind, ad, certificate, nameServer } = role;
    return { kind, ad, certificate, beacon: { ...role.beacon, nameServer, mtu: leastMtu(faces, 'peer') } };
  }
  const attach = role.attach === undefined ? {} : { attach: role.attach };
  // Who attaches knows the MTU of its own face; it is told what lies behind that.
  if (role.kind === 'host') return { kind: 'host', mtu: leastMtu(faces, 'uplink'), ...attach };
  return { kind: 'application', ...attach };
}

/** The least MTU of the faces of a role; the largest there is when there is none. */
export function leastMtu(faces: FaceTable, role: FaceRole): number {
  return Math.min(LARGEST_MTU, ...faces.withRole(role).map((id) => faces.mtu(id)));
}

/** The largest MTU of any face; 0 when there is none. */
export function largestMtu(faces: FaceTable): number {
  let largest = 0;
  for (const [, { mtu }] of faces.entries()) largest = Math.max(largest, mtu);
  return largest;
}
