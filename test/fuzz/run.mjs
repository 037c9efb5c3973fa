// What `npm run fuzz` runs: builds what is missing and starts the fuzzer with its arguments.
import { join } from 'node:path';
import { ensureDependencies, projectRoot } from '../../tools/bootstrap.mjs';
import { endChildrenOnSignals, runChild } from '../run-child.mjs';

const PROGRAM = join(projectRoot, 'test', 'fuzz', 'dist', 'fuzz', 'main.js');

ensureDependencies();
endChildrenOnSignals();
const { ok, output } = await runChild(join(projectRoot, 'node_modules', '.bin', 'tsc'), ['-b', 'test/fuzz'], { capture: true });
if (!ok) process.stderr.write(output);
const { code } = ok ? await runChild(process.execPath, ['--expose-gc', PROGRAM, ...process.argv.slice(2)]) : { code: 1 };
process.exitCode = code ?? 1;
