// What `npm run kill:matrix` runs: builds what is missing and starts the matrix with its arguments.
import { join } from 'node:path';
import { ensureDependencies, projectRoot } from '../../tools/bootstrap.mjs';
import { endChildrenOnSignals, runChild } from '../run-child.mjs';

const PROGRAM = join(projectRoot, 'test', 'kill', 'dist', 'kill', 'main.js');

ensureDependencies();
endChildrenOnSignals();
const { ok, output } = await runChild(join(projectRoot, 'node_modules', '.bin', 'tsc'), ['-b'], { capture: true });
if (!ok) process.stderr.write(output);
const { code } = ok ? await runChild(process.execPath, [PROGRAM, ...process.argv.slice(2)]) : { code: 1 };
process.exitCode = code ?? 1;
