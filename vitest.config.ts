import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { CountingReporter } from './test/counting-reporter.js';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const END_TO_END = 'test/**/*.e2e.test.ts';
/** These keep both cores busy for long: a machine that is moved meanwhile would not get on. */
const ALONE = [
  'test/e2e/{copies,demo,moved-again}',
  'test/kill/*',
  'test/migrate/guest/probe-guest',
  'test/migrate/qemu/migration',
  'test/tools/bench/*',
  'test/tools/bench-handover/{bench,load}',
].map((path) => `${path}.e2e.test.ts`);

export default defineConfig({
  resolve: {
    // Unit tests run on the sources, so that a failing line is a line of the repository.
    alias: {
      'xia-core': source('./xia-core/src/index.ts'),
      xmigrate: source('./migrate/src/index.ts'),
    },
  },
  test: {
    // `npm test` starts vitest with a channel for the counts of its closing line.
    reporters: process.send === undefined ? ['default'] : ['default', new CountingReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [END_TO_END],
          maxWorkers: 2,
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
