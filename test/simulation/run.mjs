// What `npm run simulate` runs: builds what is missing and starts the laboratory in virtual time with its arguments.
import { join } from 'node:path';
import { ensureDependencies, projectRoot } from '../../tools/bootstrap.mjs';
import { endChildrenOnSignals, runChild } from '../run-child.mjs';

const PROGRAM = join(projectRoot, 'test', 'simulation', 'dist', 'simulation', 'lab-main.js');

ensureDependencies();
endChildrenOnSignals();
const { ok, output } = await runChild(join(projectRoot, 'node_modules', '.bin', 'tsc'), ['-b', 'test/simulation'], { capture: true });
if (!ok) process.stderr.write(output);
const { code } = ok ? await runChild(process.execPath, [PROGRAM, ...process.argv.slice(2)]) : { code: 1 };
process.exitCode = code ?? 1;
