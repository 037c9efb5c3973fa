import { parseArgs } from 'node:util';
import { labControllers, labPresets, labTransports, type LabCase, type LabSize } from './lab-case.js';
import { replayLine, runLab } from './lab-run.js';
import { tableOf } from './lab-table.js';
import { traceBottleneck } from './lab-trace.js';

const USAGE = `usage: npm run simulate -- [options]

Transfers in virtual time over a named link, and what came of them. Exit code 1 when one failed.

  --preset A,B       ${labPresets.join(', ')};
                     all by default
  --transport A,B    ${labTransports.join(', ')}; stream by default
  --controller A,B   ${labControllers.join(', ')}; all by default
  --size BYTES       so many bytes towards the client, as the preset says; 2000000 by default. Or "small": some 10 kB each
                     way over one router, everything about it chosen by the seed
  --seed N           the first seed; 1 by default
  --seeds N          how many; 1 by default
  --trace            one line for each packet on the link
`;

/** @throws Error when one of the names is not among the known ones */
function choose<Name extends string>(text: string | undefined, known: readonly Name[], byDefault: readonly Name[]): readonly Name[] {
  if (text === undefined) return byDefault;
  return text.split(',').map((word) => {
    const found = known.find((name) => name === word);
    if (found === undefined) throw new Error(`"${word}" is not one of ${known.join(', ')}`);
    return found;
  });
}

function count(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`"${text}" is not a number`);
  return Number(text);
}

/** @returns the exit code */
function main(): number {
  const { values } = parseArgs({
    options: {
      preset: { type: 'string' },
      transport: { type: 'string' },
      controller: { type: 'string' },
      size: { type: 'string', default: '2000000' },
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [firstSeed, seeds] = [count(values.seed), count(values.seeds)];
  const size: LabSize = values.size === 'small' ? 'small' : count(values.size);
  const cases: LabCase[] = [];
  for (const preset of choose(values.preset, labPresets, labPresets)) {
    for (const transport of choose(values.transport, labTransports, ['stream'])) {
      for (const controller of choose(values.controller, labControllers, labControllers)) {
        for (let seed = firstSeed; seed < firstSeed + seeds; seed++) cases.push({ preset, transport, controller, size, seed });
      }
    }
  }
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const results = cases.map((what) => ({ what, result: runLab(what, (world) => values.trace && traceBottleneck(world, write)) }));
  process.stdout.write(tableOf(results));
  const failed = results.filter(({ result }) => result.fault !== undefined);
  for (const { what, result } of failed) write(`FAILED: ${result.fault}\n  ${replayLine(what)}`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = main();
