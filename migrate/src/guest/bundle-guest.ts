import { XiaError } from 'xia-core';

export interface BundleOptions {
  /** The module that calls `runGuest`. */
  readonly entry: string;
  /** The ES module to write. */
  readonly outFile: string;
  /** Module names to look up elsewhere, such as `xia-core` in a source tree. */
  readonly alias?: Readonly<Record<string, string>>;
}

/**
 * CommonJS packages inside an ES module ask for Node's own modules through this. The import has a name of its own: esbuild does not
 * see the banner, and packages import `createRequire` too.
 */
const REQUIRE_BANNER =
  "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);";

/** Native code: speed-ups that their packages do without, and what is used outside of guests only. */
const NATIVE_PACKAGES = ['msgpackr-extract', 'koffi', 'lmdb', 'esbuild'];

/**
 * Puts a guest's application and all that it imports into one ES module.
 * @throws XiaError `guest-build-failed` with the place in the source.
 */
export async function bundleGuest(options: BundleOptions): Promise<void> {
  const { entry, outFile, alias } = options;
  // Loaded when it is needed: everything else here runs without it.
  const { build } = await import('esbuild');
  try {
    await build({
      entryPoints: [entry],
      outfile: outFile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      // Reading the source is a good part of Node's start on a translated processor.
      minifySyntax: true,
      minifyWhitespace: true,
      banner: { js: REQUIRE_BANNER },
      external: NATIVE_PACKAGES,
      logLevel: 'silent',
      ...(alias && { alias: { ...alias } }),
    });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new XiaError('guest-build-failed', `the guest's application cannot be bundled: ${message}`, { entry }, { cause });
  }
}
