import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { binary, run, start, until } from './programs.js';
import { useTestbed } from './testbed.js';

describe('a network of real processes', () => {
  const testbed = useTestbed('inter-ad');
  const { begin, on, xtestbed } = testbed;
  const jsonLines = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('tells what runs', async () => {
    const status = jsonLines((await xtestbed('status', '--json')).stdout);
    expect(status.map(({ name }) => String(name)).toSorted()).toEqual(['HOST_A', 'HOST_B', 'HOST_C', 'NS', 'R1', 'R2']);
  });

  it('pings and traces another domain, loses nothing, and reports in JSON', async () => {
    const serving = begin('HOST_B', 'xcal', 'serve', '--name', 'calc.xia');
    await until(() => serving.output().length > 0, 10_000, 'xcal serves');
    const ping = await on('HOST_C', 'xping', '--json', '--interval-ms', '10', '-c', '50', 'calc.xia');
    expect(ping.code, ping.stderr).toBe(0);
    expect(jsonLines(ping.stdout).at(-1)).toMatchObject({ sent: 50, received: 50, lost: 0, intervalMs: 10 });
    const text = await on('HOST_C', 'xping', '-q', '-c', '3', '-i', '0.01', 'calc.xia');
    expect(text.stdout).toMatch(/3 packets transmitted, 3 packets received, 0% packet loss/);
    const trace = await on('HOST_C', 'xtraceroute', '--json', 'calc.xia');
    expect(trace.code, trace.stderr).toBe(0);
    // HOST_C, R1, R2, HOST_B, the program itself.
    expect(trace.stdout).toContain('"hops":5');
    const ask = await on('HOST_C', 'xcal', 'ask', '--json', '--interval-ms', '5', '-c', '50', 'calc.xia');
    expect(ask.code, ask.stdout + ask.stderr).toBe(0);
    expect(jsonLines(ask.stdout).at(-1)).toMatchObject({ answers: 50, wrong: 0, reconnects: 0 });
    serving.child.kill('SIGINT');
    expect(await serving.ended).toBe(130);
  });

  it('publishes a file and fetches it from another domain, through the caches', async () => {
    const content = randomBytes(1_500_000);
    const file = join(testbed.folder, 'file');
    await writeFile(file, content);
    const manifest = join(testbed.folder, 'manifest.json');
    const putting = begin('HOST_A', 'xchunk', 'put', '--manifest', manifest, file);
    await until(async () => (await readFile(manifest, 'utf8').catch(() => '')) !== '', 10_000, 'the manifest is written');
    // What is fetched for the second time is kept, so the third copy comes from a cache.
    for (const copy of ['one', 'two', 'three']) {
      const got = await on('HOST_B', 'xchunk', 'get', '-o', join(testbed.folder, copy), manifest);
      expect(got.code, got.stderr).toBe(0);
      expect((await readFile(join(testbed.folder, copy))).equals(content)).toBe(true);
    }
    putting.child.kill('SIGINT');
    await putting.ended;
    const shown = await run('xrouter', ['show', 'cache', '--json', '--config', testbed.config('R2')]);
    const cache = JSON.parse(shown.stdout);
    expect(cache.inserted).toBeGreaterThan(0);
    expect(cache.hits).toBeGreaterThan(0);
    expect([cache.wrongHash, cache.foundWrong]).toEqual([0, 0]);
  });

  it('shows routes, bindings and names', async () => {
    const { config } = testbed;
    for (const view of ['routes', 'faces', 'bindings', 'counters', 'attachment']) {
      const shown = await run('xrouter', ['show', view, '--config', config('R1')]);
      expect(shown.code, shown.stderr).toBe(0);
      expect(shown.stdout.length).toBeGreaterThan(10);
    }
    const bindings = JSON.parse((await run('xrouter', ['show', 'bindings', '--json', '--config', config('R1')])).stdout);
    expect(bindings.length).toBeGreaterThanOrEqual(3);
  });

  it('says plainly what cannot be', async () => {
    const unknown = await on('HOST_C', 'xping', '-c', '1', 'nobody.xia');
    expect(unknown.code).toBe(4);
    expect(unknown.stderr).toContain('nobody.xia');
    const badDag = await on('HOST_C', 'xping', 'RE AD:12 HID:34');
    expect(badDag.code).toBe(2);
    const again = await xtestbed('up', 'inter-ad');
    expect(again.code).not.toBe(0);
    expect(again.stderr).toMatch(/already|runs/);
    const taken = join(testbed.folder, 'taken.yaml');
    const r1 = await readFile(testbed.config('R1'), 'utf8');
    await writeFile(taken, r1.replaceAll('../', `${testbed.path}/`).replace(/control:.*/, `control: ${join(testbed.folder, 'taken.ctl')}`));
    const clash = await run('xrouter', ['run', '--config', taken]);
    expect(clash.code).not.toBe(0);
    expect(clash.stderr).toMatch(/127\.0\.0\.1:\d+/);
    await writeFile(taken, 'name: R1\nrole: router\nfaecs: []\n');
    const bad = await run('xrouter', ['run', '--config', taken]);
    expect(bad.code).toBe(3);
    expect(bad.stderr).toContain(`${taken}:3:1: faecs: unknown key`);
  });

  it('moves a byte stream with xmigrate send and recv, whole and in order', async () => {
    const stream = randomBytes(20_000_000);
    const [input, output] = [join(testbed.folder, 'in'), join(testbed.folder, 'out')];
    await writeFile(input, stream);
    const state = (host: string) => ['--state', join(testbed.folder, `state-${host}`)];
    const shell = (host: string, command: string) =>
      start(process.execPath, [binary('xtestbed'), 'exec', '--dir', testbed.path, host, '--', 'sh', '-c', command]);
    const program = `${process.execPath} ${binary('xmigrate')}`;
    const receiving = shell('HOST_B', `${program} recv --vm v --register v.move.xia ${state('b').join(' ')} --json > ${output}`);
    await until(() => receiving.output().includes('v.move.xia') || receiving.output().includes('listening'), 10_000, 'recv listens');
    const sending = shell('HOST_A', `${program} send --vm v --to v.move.xia ${state('a').join(' ')} --json < ${input}`);
    expect(await sending.ended, sending.output()).toBe(0);
    expect(await receiving.ended, receiving.output()).toBe(0);
    expect((await readFile(output)).equals(stream)).toBe(true);
    const status = await run('xmigrate', ['status', '--json', ...state('b')]);
    expect(status.code, status.stderr).toBe(0);
    expect(status.stdout).toContain('running');
  });
});
