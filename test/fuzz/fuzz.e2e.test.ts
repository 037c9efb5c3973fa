import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const FUZZER = fileURLToPath(new URL('run.mjs', import.meta.url));
/** Together more than three million packets, and some tens of seconds of processor time; `npm run fuzz` plays as many as there is time for. */
const JOBS = [
  ['--seed', '1', '--rounds', '1'],
  ['--seed', '2', '--rounds', '1'],
];
const LEAST_CASES = 3_000_000;

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

function fuzz(args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [FUZZER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

describe('the fuzzer', () => {
  it('finds nothing that throws, hangs, grows or is counted twice or not at all in three million packets', async () => {
    const outcomes = await Promise.all(JOBS.map(fuzz));
    for (const { code, output } of outcomes) expect(code, output).toBe(0);
    const cases = outcomes.map(({ output }) => (JSON.parse(output) as { cases: number }).cases);
    expect(cases.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(LEAST_CASES);
  });

  it('runs a single input, and a single batch, again', async () => {
    for (const what of ['engine:01', 'codec:-', `text:${Buffer.from('RE').toString('hex')}`, 'node:01', 'text:1:0']) {
      const { code, output } = await fuzz(['--replay', what]);
      expect([code, output], what).toEqual([0, expect.stringContaining('no harm')]);
    }
  });
});
