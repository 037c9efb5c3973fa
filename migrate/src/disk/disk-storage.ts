import { isAbsolute } from 'node:path';

/** Where the bytes of a disk are, as far as QEMU's name for the image tells. */
export type DiskStorage =
  /** A file or a block device of the machine that QEMU runs on. */
  | { readonly kind: 'local'; readonly path: string; readonly isAbsolute: boolean }
  /** Storage that is reached by a network protocol, from both machines alike. */
  | { readonly kind: 'remote'; readonly protocol: string; readonly location: string }
  /** Something else, such as `null-co`: there is nothing that could be compared. */
  | { readonly kind: 'other'; readonly location: string };

/** Drivers of QEMU that reach a storage server, with the names that their image names begin with. */
const REMOTE_DRIVERS: ReadonlySet<string> = new Set([
  'gluster',
  'http',
  'https',
  'ftp',
  'ftps',
  'iscsi',
  'nbd',
  'nfs',
  'nvme-of',
  'rbd',
  'ssh',
]);
const LOCAL_DRIVERS: ReadonlySet<string> = new Set(['file', 'host_device', 'io_uring']);
const JSON_PREFIX = 'json:';

/** Reads the name of an image: a path, `rbd:pool/image`, `nbd+unix:///export?socket=...`, or `json:{...}` when no plain name would do. */
export function storageOf(filename: string): DiskStorage {
  if (filename.startsWith(JSON_PREFIX)) return storageOfJson(filename);
  const scheme = /^([a-z][a-z0-9-]*)(\+[a-z]+)?:/.exec(filename)?.[1];
  if (scheme === undefined) return local(filename);
  if (scheme === 'file') return local(filename.replace(/^file:(\/\/)?/, ''));
  return REMOTE_DRIVERS.has(scheme) ? { kind: 'remote', protocol: scheme, location: filename } : { kind: 'other', location: filename };
}

function local(path: string): DiskStorage {
  return { kind: 'local', path, isAbsolute: isAbsolute(path) };
}

function storageOfJson(filename: string): DiskStorage {
  let node: unknown;
  try {
    node = JSON.parse(filename.slice(JSON_PREFIX.length));
  } catch {
    return { kind: 'other', location: filename };
  }
  // A format driver stands on the node in its `file`; the lowest one reaches the bytes.
  while (isObject(node) && isObject(node['file'])) node = node['file'];
  if (!isObject(node)) return { kind: 'other', location: filename };
  const { driver, filename: path } = node;
  if (typeof driver === 'string' && REMOTE_DRIVERS.has(driver)) return { kind: 'remote', protocol: driver, location: filename };
  const isLocal = driver === undefined || (typeof driver === 'string' && LOCAL_DRIVERS.has(driver));
  if (isLocal && typeof path === 'string') return local(path);
  return { kind: 'other', location: filename };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
