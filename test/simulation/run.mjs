// What `npm run simulate` and its like run: builds what is missing and starts the one that is named first with the other arguments.
import { join } from 'node:path';
import { ensureDependencies, projectRoot } from '../../tools/bootstrap.mjs';
import { endChildrenOnSignals, runChild } from '../run-child.mjs';

const [name, ...rest] = process.argv.slice(2);
const PROGRAM = join(projectRoot, 'test', 'simulation', 'dist', 'simulation', `${name}-main.js`);

ensureDependencies();
endChildrenOnSignals();
const { ok, output } = await runChild(join(projectRoot, 'node_modules', '.bin', 'tsc'), ['-b', 'test/simulation'], { capture: true });
if (!ok) process.stderr.write(output);
const { code } = ok ? await runChild(process.execPath, [PROGRAM, ...rest]) : { code: 1 };
process.exitCode = code ?? 1;
