import { join } from 'node:path';
import { XiaError } from 'xia-core';

/** What carries packets between the nodes of a testbed, but for links that are emulated: those are UDP. */
export const underlays = ['udp', 'unix'] as const;
export type Underlay = (typeof underlays)[number];

/** Linux keeps a UNIX socket's path in 108 bytes, the last of them zero. */
const MAX_PATH_BYTES = 107;
const UNIX = 'unix:';

/** Where a face listens and whom it knows, as a configuration says it. */
export type FaceSockets =
  | { readonly udp: { readonly listen: string; readonly peers?: readonly string[] } }
  | { readonly unix: { readonly listen?: string; readonly peers?: readonly string[] } };

/** The path of a socket of a testbed. @throws XiaError `testbed-failed` when it is too long for one */
export function socketFile(socketDir: string, name: string): string {
  const path = join(socketDir, name);
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return path;
  throw new XiaError(
    'testbed-failed',
    `${path}: the path of a UNIX socket has at most ${MAX_PATH_BYTES} bytes; set TMPDIR to a folder with a shorter one`,
    { path },
  );
}

/** Where programs and hosts attach to a node: `unix:PATH` or `ADDRESS:PORT`. */
export function accessAddress(underlay: Underlay, node: string, socketDir: string, nextAddress: () => string): string {
  return underlay === 'unix' ? `${UNIX}${socketFile(socketDir, `${node}.sock`)}` : nextAddress();
}

/** The access face at such an address. */
export function accessSockets(access: string): FaceSockets {
  return access.startsWith(UNIX) ? { unix: { listen: access.slice(UNIX.length) } } : { udp: { listen: access } };
}

/** The uplink to such an address. */
export function uplinkSockets(access: string, nextAddress: () => string): FaceSockets {
  return access.startsWith(UNIX) ? { unix: { peers: [access.slice(UNIX.length)] } } : { udp: { listen: nextAddress(), peers: [access] } };
}
