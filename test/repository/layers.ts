import type { Reference, SourceFile } from './source-files.js';

/** The layers of the stack: a file imports from its own folder and from the layers before its own. */
const LAYERS = [
  ['bytes'],
  ['xid'],
  ['dag'],
  ['wire'],
  ['congestion', 'emulation'],
  ['forwarding', 'transport', 'content', 'mobility', 'routing'],
  ['stack'],
  ['io'],
  ['node'],
  ['app'],
] as const;

const CORE = 'xia-core/src/';

/** The folders that know neither a clock nor a socket, only what they are told. */
export const SANS_IO_FOLDERS = [
  ...LAYERS.slice(0, 7)
    .flat()
    .map((folder) => `${CORE}${folder}/`),
  'migrate/src/protocol/',
];

/** The workspace packages that may be imported, by their name, which means their index. */
export const IMPORTABLE: Record<string, readonly string[]> = {
  'xia-core': [],
  xrouter: ['xia-core'],
  xnameserver: ['xia-core'],
  migrate: ['xia-core'],
  // The demo, the benchmark and the testbed put all the programs together.
  tools: ['xia-core', 'xmigrate'],
};

const WORKSPACE_PACKAGES = ['xia-core', 'xrouter', 'xnameserver', 'xmigrate', 'xia-tools'];

export function packageOf(path: string): string {
  return path.slice(0, path.indexOf('/'));
}

function layerOf(path: string): { folder: string; rank: number } | undefined {
  const folder = path.slice(CORE.length).split('/')[0] ?? '';
  const rank = LAYERS.findIndex((folders) => (folders as readonly string[]).includes(folder));
  return rank < 0 ? undefined : { folder, rank };
}

/** True when the layer of `file` may import this. */
export function respectsLayers(file: SourceFile, reference: Reference): boolean {
  const target = reference.file;
  if (target === undefined || !target.startsWith(CORE)) return true;
  const from = layerOf(file.path);
  const to = layerOf(target);
  // The package's index stands above all layers.
  if (from === undefined) return true;
  if (to === undefined) return false;
  return from.folder === to.folder || to.rank < from.rank;
}

/** True when a package may import this: its own files, Node, packages from outside, and what `IMPORTABLE` lists. */
export function respectsPackages(file: SourceFile, { specifier, file: target }: Reference): boolean {
  const own = packageOf(file.path);
  if (target !== undefined) return packageOf(target) === own;
  const workspace = WORKSPACE_PACKAGES.find((name) => specifier === name || specifier.startsWith(`${name}/`));
  return workspace === undefined || IMPORTABLE[own]!.includes(specifier);
}
