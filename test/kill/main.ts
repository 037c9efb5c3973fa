import { parseArgs } from 'node:util';
import { KillBed } from './bed.js';
import { tryKill, type KillResult } from './kill-case.js';
import { caseName, killCases, moments, victims, ways, type KillCase } from './matrix.js';
import { matrixTable } from './table.js';

const USAGE = `usage: npm run kill:matrix -- [options]

  --seed N          the order of the cases; 1 by default
  --victim A,B      only these of: ${victims.join(', ')}
  --way A,B       only moves by these: ${ways.join(', ')}
  --moment A,B      only these of: ${moments.join(', ')}
  --outage S        only outages of so many seconds ("none" for what does not come back)
  --jobs N          so many networks beside each other; 2 by default
  --json            a JSON line for each case instead of the table
`;

interface Options {
  readonly seed: number;
  readonly ways: readonly string[] | undefined;
  readonly victims: readonly string[] | undefined;
  readonly moments: readonly string[] | undefined;
  readonly outages: readonly number[] | undefined;
}

function chosen({ seed, ways: how, victims: whom, moments: when, outages }: Options): KillCase[] {
  return killCases(seed).filter(
    ({ way, victim, moment, outageMs }) =>
      (how?.includes(way) ?? true) &&
      (whom?.includes(victim) ?? true) &&
      (when?.includes(moment) ?? true) &&
      (outages?.includes(outageMs) ?? true),
  );
}

const beds = new Set<KillBed>();

let starting: Promise<unknown> = Promise.resolve();

/** One after the other: each takes ports that are free at that moment. */
async function nextBed(): Promise<KillBed> {
  const bed = starting.then(async () => {
    const started = await KillBed.start();
    beds.add(started);
    return started;
  });
  starting = bed.catch(() => undefined);
  return bed;
}

/** A case that could not even be tried. */
function failed(kill: KillCase, { message }: Error): KillResult {
  return { ...kill, end: 'nowhere', phases: ['', ''], code: undefined, word: '', advice: [], tookMs: 0, faults: [message] };
}

/** Works a list off on a network of its own. */
async function work(cases: KillCase[], onResult: (result: KillResult) => void): Promise<void> {
  let bed: KillBed | undefined;
  try {
    for (let kill = cases.shift(); kill !== undefined; kill = cases.shift()) {
      bed ??= await nextBed();
      onResult(await tryKill(bed, kill).catch((error: unknown) => failed(kill, error as Error)));
      await bed.repair();
    }
  } finally {
    await bed?.stop();
    if (bed !== undefined) beds.delete(bed);
  }
}

/** The networks outlive who started them, unless they are ended. */
async function interrupt(code: number): Promise<void> {
  await starting;
  await Promise.allSettled([...beds].map((bed) => bed.stop()));
  process.exit(code);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      way: { type: 'string' },
      victim: { type: 'string' },
      moment: { type: 'string' },
      phase: { type: 'string' },
      outage: { type: 'string' },
      jobs: { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const cases = chosen({
    seed: Number(values.seed),
    ways: values.way?.split(','),
    victims: values.victim?.split(','),
    moments: (values.moment ?? values.phase)?.split(','),
    outages: values.outage?.split(',').map((text) => (text === 'none' ? Infinity : 1000 * Number(text))),
  });
  const results: KillResult[] = [];
  const total = cases.length;
  const onResult = (result: KillResult) => {
    results.push(result);
    if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    const verdict = result.faults.length === 0 ? result.end : `WRONG: ${result.faults.join('; ')}`;
    process.stderr.write(
      `${results.length}/${total} ${caseName(result)} (${result.phases[0]}): ${verdict}, ${(result.tookMs / 1000).toFixed(1)} s\n`,
    );
  };
  await Promise.all(Array.from({ length: Math.min(Number(values.jobs), total) }, () => work(cases, onResult)));
  if (!values.json) process.stdout.write(`${matrixTable(results)}\n`);
  const wrong = results.filter(({ faults }) => faults.length > 0).length;
  process.stderr.write(`${total} cases, ${wrong} wrong\n`);
  return total > 0 && wrong === 0 ? 0 : 1;
}

process.once('SIGINT', () => void interrupt(130));
process.once('SIGTERM', () => void interrupt(143));
process.exitCode = await main();
