import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesNaming, projectRoot, run, temporaryFolder } from '../e2e/programs.js';
import { codeBlocks } from './markdown.js';

const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
/** The part of "By hand" that needs no virtual machine is run as it stands. */
const LAST_PART = 'The end of the network';

describe('the commands of the README, by hand', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    await symlink(join(projectRoot, 'node_modules'), join(folder.path, 'node_modules'));
  });
  afterAll(async () => {
    await run('xtestbed', ['down', '--dir', join(folder.path, 'runs', 'testbed')]);
    expect(await processesNaming(folder.path)).toEqual([]);
    await folder.remove();
  });

  it('do what it says, from the network up to its end', async () => {
    const blocks = codeBlocks(readme);
    const parts = [
      ...new Set(blocks.flatMap(({ headings }) => (headings[1] === 'By hand' && headings[2] !== undefined ? [headings[2]] : []))),
    ];
    const wanted = parts.slice(0, parts.indexOf(LAST_PART) + 1);
    expect(wanted).toContain('The API');
    const code = (language: string) =>
      blocks.filter((block) => block.language === language && wanted.includes(block.headings[2] ?? '')).map((block) => block.code);
    await writeFile(join(folder.path, 'hello.ts'), code('ts').join(''));
    const script = ['set -eu', "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", ...code('sh')].join('\n');
    const { stdout, stderr, exitCode } = await shell(script, folder.path);
    expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
    expect(stdout).toMatch(/200 packets transmitted, \d+ packets received/);
    expect(stdout).toContain('hops = 5');
    expect(stdout).toContain('5 questions, 5 answers, 0 wrong, 0 missing, 0 reconnects, 0 resets');
    expect(stdout).toContain('hello\ncontent\ndatagram\n');
  });
});

function shell(script: string, cwd: string): Promise<{ stdout: string; stderr: string; exitCode: number | null }> {
  return new Promise((resolve) => {
    const env = { ...process.env, PATH: `${join(projectRoot, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}` };
    const child = execFile('bash', ['-c', script], { cwd, env, timeout: 120_000, maxBuffer: 16 << 20 }, (_error, stdout, stderr) => {
      resolve({ stdout, stderr, exitCode: child.exitCode });
    });
  });
}
