// What `npm test` runs: sets up what is missing, checks the code, runs the tests, and closes with `N passed, N failed`.
import { join } from 'node:path';
import { BootstrapError, checkNode, ensureBuilt, ensureDependencies, ensurePrerequisites, projectRoot } from '../tools/bootstrap.mjs';
import { runChecks } from './check.mjs';
import { endChildrenOnSignals, runChild } from './run-child.mjs';

const USAGE = `usage: npm test -- [--unit | --e2e] [vitest filters and options]

  --unit   the checks, and the tests that need neither other processes nor QEMU
  --e2e    only the tests with real processes and real QEMU

Anything else goes to vitest: \`npm test -- dag\` runs the test files whose path contains "dag", without the checks.
`;

const NOTHING = { passed: 0, failed: 0 };

function parseArguments(argv) {
  const own = new Set(['--unit', '--e2e', '--help', '-h']);
  const chosen = new Set(argv.filter((arg) => own.has(arg)));
  const vitestArgs = argv.filter((arg) => !own.has(arg));
  const only = chosen.has('--unit') === chosen.has('--e2e') ? undefined : chosen.has('--unit') ? 'unit' : 'e2e';
  return { help: chosen.has('--help') || chosen.has('-h'), only, vitestArgs };
}

/** Puts in place what the tests need, the quickest to fail first. */
function setUp() {
  checkNode();
  ensurePrerequisites({ target: 'test' });
  ensureDependencies();
  ensureBuilt();
}

async function runTests(only, vitestArgs) {
  const projects = only === undefined ? [] : ['--project', only === 'e2e' ? 'e2e*' : only];
  let counts;
  const vitest = join(projectRoot, 'node_modules', '.bin', 'vitest');
  const { ok } = await runChild(vitest, ['run', ...projects, ...vitestArgs], { onMessage: (message) => (counts = message) });
  const { passed, failed } = counts ?? NOTHING;
  // Vitest may fail for reasons of its own: it found no test, or could not start.
  return { passed, failed: ok || failed > 0 ? failed : 1 };
}

async function run({ only, vitestArgs }) {
  setUp();
  endChildrenOnSignals();
  const checks = only === 'e2e' || vitestArgs.length > 0 ? NOTHING : await runChecks();
  const tests = await runTests(only, vitestArgs);
  return { passed: checks.passed + tests.passed, failed: checks.failed + tests.failed };
}

/** @returns {Promise<number>} the exit code */
async function main(argv) {
  const options = parseArguments(argv);
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  let counts = { passed: 0, failed: 1 };
  let exitCode = 1;
  try {
    counts = await run(options);
    exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
  } catch (error) {
    if (error instanceof BootstrapError) exitCode = error.exitCode;
    process.stderr.write(`${error instanceof BootstrapError ? error.message : error.stack}\n`);
  }
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
  return exitCode;
}

process.exitCode = await main(process.argv.slice(2));
