import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Plugin } from 'vitest/config';

/** Where the compiler puts `xia-core/src/dag/dag.ts`, relative to the repository; undefined for what is no source of a package. */
function builtPath(source: string): string | undefined {
  const parts = /^([\w-]+)\/src\/(.+)\.[jt]s$/.exec(source);
  return parts === null ? undefined : `${parts[1]}/dist/${parts[2]}.js`;
}

/**
 * Gives tests that import a source of a package what the compiler has made of it, and Node loads that as users get it. Vitest's own
 * modules reach every import through a getter, at each use: simulations took half as long again.
 * @param root the folder of the repository
 */
export function builtPackages(root: string): Plugin {
  return {
    name: 'built-packages',
    enforce: 'pre',
    resolveId(specifier, importer) {
      if (importer === undefined || !specifier.startsWith('.')) return undefined;
      const wanted = relative(root, resolve(dirname(importer), specifier));
      const built = builtPath(wanted.split(sep).join('/'));
      if (built === undefined) return undefined;
      const path = join(root, built);
      return existsSync(path) ? path : undefined;
    },
  };
}

/** What {@link builtPackages} leads to, and the packages' own indexes. */
export const BUILT = /\/(xia-core|xrouter|xnameserver|migrate|tools)\/dist\//;
