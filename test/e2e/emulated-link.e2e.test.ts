import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, until } from './programs.js';
import { testbedState, useTestbed } from './testbed.js';

const LOSS = 0.01;

describe('a network with an emulated link between its routers', () => {
  const testbed = useTestbed('inter-ad', '--link', `wan loss=${LOSS * 100}%`);

  function dagOf(name: string): string {
    const { ad, hid } = testbed.node(name);
    return `RE ${testbedState(testbed.path).ads[ad]} ${hid}`;
  }

  it('has its round trip', async () => {
    const pinged = await testbed.on('HOST_A', 'xping', '--json', '-c', '20', '--interval-ms', '50', dagOf('HOST_B'));
    const { rttMs } = JSON.parse(pinged.stdout.trim().split('\n').at(-1)!) as { rttMs: { min: number } };
    expect(rttMs.min).toBeGreaterThan(26);
    expect(rttMs.min).toBeLessThan(60);
  });

  it('carries a file whole while it loses packets', async () => {
    const file = join(testbed.folder, 'file');
    const content = randomBytes(2_000_000);
    await writeFile(file, content);
    const serving = testbed.begin('HOST_B', 'xchunk', 'put', file, '--chunk-bytes', '500000', '-m', `${file}.json`);
    await until(() => serving.output().includes('serving 4 chunks'), 20_000, 'the file is served');
    const got = await testbed.on('HOST_A', 'xchunk', 'get', `${file}.json`, '-o', `${file}.copy`);
    expect(got.code, got.stderr).toBe(0);
    expect(Buffer.compare(await readFile(`${file}.copy`), content)).toBe(0);

    const { kind, control } = testbed.node('R1~R2');
    expect(kind).toBe('link');
    const shown = JSON.parse((await run('xlink', ['show', '--json', '--control', control])).stdout) as {
      link: { aToB: string };
      bToA: { packets: number; dropped: { loss: number } };
    };
    expect(shown.link.aToB).toContain('loss=1%');
    // The file is at least 1400 packets of Ethernet's size. Five standard deviations of a binomial distribution.
    const { packets, dropped } = shown.bToA;
    expect(packets).toBeGreaterThan(1400);
    expect(Math.abs(dropped.loss - packets * LOSS)).toBeLessThan(5 * Math.sqrt(packets * LOSS * (1 - LOSS)));
  });

  it('is cut and mended by its control socket', async () => {
    const { control } = testbed.node('R1~R2');
    const reach = async () => testbed.on('HOST_A', 'xping', '-t', '1', '-c', '3', '--interval-ms', '100', dagOf('HOST_B'));
    expect((await run('xlink', ['down', '--control', control])).code).toBe(0);
    expect((await reach()).code).not.toBe(0);
    expect((await run('xlink', ['up', '--control', control])).code).toBe(0);
    await until(async () => (await reach()).code === 0, 20_000, 'the other AD answers again');
  });
});
