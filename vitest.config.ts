import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BUILT, builtPackages } from './test/built-packages.js';
import { CountingReporter } from './test/counting-reporter.js';
import { LongestFirst } from './test/longest-first.js';

const root = fileURLToPath(new URL('.', import.meta.url));

const END_TO_END = 'test/**/*.e2e.test.ts';
/** What they measure, or the machine that they move, needs both cores. */
const ALONE = ['test/e2e/demo', 'test/tools/bench/*', 'test/tools/bench-handover/bench'].map((path) => `${path}.e2e.test.ts`);

export default defineConfig({
  plugins: [builtPackages(root)],
  test: {
    globalSetup: './test/build-first.mjs',
    server: { deps: { external: [BUILT] } },
    // A failing line is a line of the repository, not of what was made of it.
    execArgv: ['--enable-source-maps'],
    // `npm test` starts vitest with a channel for the counts of its closing line.
    reporters: process.send === undefined ? ['default'] : ['default', new CountingReporter()],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [END_TO_END],
          maxWorkers: 2,
          // Half of a short test is the loading of what it imports, and no module of ours remembers anything at its top.
          isolate: false,
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: [END_TO_END],
          exclude: ALONE,
          // Real time is the subject here, after all the others; but most of it is waiting, so that two go beside each other.
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e-alone',
          include: ALONE,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
