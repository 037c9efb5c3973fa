// Everything that judges the code without running it. `npm run check` does only this, `npm test` does it first.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BootstrapError, WORKSPACES, checkNode, ensureDependencies, projectRoot } from '../tools/bootstrap.mjs';
import { endChildrenOnSignals, runChild } from './run-child.mjs';

const program = (name) => join(projectRoot, 'node_modules', '.bin', name);

/** In this order: the linter and publint read what the compiler has written. */
const CHECKS = [
  { name: 'types (tsc)', command: program('tsc'), args: ['-b'] },
  { name: 'lint (oxlint)', command: program('oxlint'), args: [] },
  { name: 'format (oxfmt)', command: program('oxfmt'), args: ['--check'] },
  { name: 'unused code and dependencies (knip)', command: program('knip'), args: ['--no-progress', '--treat-config-hints-as-errors'] },
  ...WORKSPACES.map((name) => ({ name: `package ${name} (publint)`, command: program('publint'), args: ['run', name, '--strict'] })),
];

/**
 * Runs every check, and prints what those that failed have to say.
 * @returns {Promise<{passed: number, failed: number}>}
 */
export async function runChecks() {
  let passed = 0;
  for (const { name, command, args } of CHECKS) {
    const startedAt = performance.now();
    const { ok, output } = await runChild(command, args, { capture: true });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stdout.write(`${ok ? '✓' : '✗'} ${name} ${seconds} s\n${ok ? '' : `${output.trimEnd()}\n`}`);
    if (ok) passed++;
  }
  return { passed, failed: CHECKS.length - passed };
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  try {
    checkNode();
    ensureDependencies();
    endChildrenOnSignals();
    const { passed, failed } = await runChecks();
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
    process.exitCode = failed === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}
