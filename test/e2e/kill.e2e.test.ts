import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from 'xia-core';
import { binary, run, start, until } from './programs.js';
import { useTestbed } from './testbed.js';
import { useDirectPrograms, type Running } from './xcat-programs.js';

const IDLE_TIMEOUT_MS = 1500;
/** A machine that runs much else is late by this. */
const SLACK_MS = 4000;
const IDLE = ['--idle-timeout', String(IDLE_TIMEOUT_MS), '--timeout', '2500'];
const FILE_BYTES = 48_000_000;
const BINDING_LIFETIME_MS = 30_000;
const phases = ['opening', 'transfer', 'idle', 'half-closed'] as const;
type Phase = (typeof phases)[number];

describe('processes that are killed', () => {
  const testbed = useTestbed('inter-ad');
  const { listen, connect, launch } = useDirectPrograms(testbed);
  const seed = Date.now() % 1_000_000;
  const rng = new SeededRandom(seed);
  const between = (from: number, to: number) => from + rng.unit() * (to - from);
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const show = async (node: string, what: string): Promise<Record<string, unknown>[]> =>
    JSON.parse((await run('xrouter', ['show', what, '--json', '--config', testbed.config(node)])).stdout);
  const led = async (node: string) => (await show(node, 'bindings')).filter(({ hop }) => hop !== null && hop !== undefined && hop !== '-');

  /** Kills at a moment of the phase, and gives how long the survivor needed to end, with what code. */
  async function killedIn(phase: Phase, victim: 'client' | 'server', moments: readonly [number, number]) {
    const name = `${victim}-${phase}`;
    const folder = join(testbed.folder, name);
    await mkdir(folder);
    const isFile = phase === 'transfer';
    const server = await listen('HOST_B', [...IDLE, ...(isFile ? ['--directory', folder] : [])], { openInput: true });
    const openInput = !isFile && phase !== 'half-closed';
    const client = await connect('HOST_C', [...IDLE, ...(isFile ? ['--file', 'big'] : []), server.dag], { openInput });
    const [dead, survivor]: [Running, Running] = victim === 'client' ? [client, server] : [server, client];
    if (phase !== 'opening') {
      const begun = () => client.events('connected').length > 0 && server.events('connected').length > 0;
      await until(begun, 15_000, `${name}: the stream is open (seed ${seed})`);
    }
    await pause(moments[0] + rng.unit() * (moments[1] - moments[0]));
    dead.child.kill('SIGKILL');
    const beganMs = performance.now();
    // A listener that nobody has reached waits on, and leaves no trace of the one that tried.
    if (phase === 'opening' && victim === 'client') {
      await pause(IDLE_TIMEOUT_MS);
      if (server.events('connected').length === 0) server.child.kill('SIGINT');
    }
    const code = await survivor.ended;
    const result = survivor.events('result')[0];
    return { name, code, tookMs: performance.now() - beganMs, result, stderr: survivor.stderr(), left: await readdir(folder) };
  }

  it('are missed by the other end within its idle timeout, with a code', async () => {
    const before = { HOST_B: (await led('HOST_B')).length, HOST_C: (await led('HOST_C')).length };
    await writeFile(join(testbed.folder, 'big'), randomBytes(FILE_BYTES));
    const moments: Record<Phase, readonly [number, number]> = {
      opening: [200, 1500],
      transfer: [0, 150],
      idle: [0, 500],
      'half-closed': [0, 500],
    };
    // Four at a time: starting a process costs most of it.
    for (const victim of ['client', 'server'] as const) {
      const outcomes = await Promise.all(phases.map((phase) => killedIn(phase, victim, moments[phase])));
      for (const { name, code, tookMs, result, stderr, left } of outcomes) {
        const what = `${name}, seed ${seed}: ${stderr}`;
        expect(tookMs, what).toBeLessThan(IDLE_TIMEOUT_MS + (name.endsWith('opening') ? 3 : 1) * SLACK_MS);
        if (result !== undefined) expect(result, what).toMatchObject({ ok: false, resetCode: 3 });
        // Silence is exit code 4, whether it was open already or not. A listener that nobody reached was stopped by us.
        expect(name === 'client-opening' ? [4, 130] : [4], what).toContain(code);
        // Only who is killed itself leaves the part that it has.
        if (name !== 'server-transfer') expect(left, what).toEqual([]);
        else for (const file of left) expect(file, what).toMatch(/^\.big\..*\.part$/);
      }
    }
    expect(before).toEqual({ HOST_B: 0, HOST_C: 0 });
  });

  it('are missed by a fetch, and by nobody when they were fetching', async () => {
    const manifest = join(testbed.folder, 'manifest.json');
    const publisher = await launch('HOST_B', 'xchunk', ['put', '--json', '-m', manifest, 'big']);
    await until(async () => (await readFile(manifest, 'utf8').catch(() => '')) !== '', 15_000, 'the manifest is written');
    const get = (output: string, ...args: string[]) => launch('HOST_C', 'xchunk', ['get', '-o', output, ...args, manifest]);
    const folder = async () => (await readdir(testbed.folder)).filter((name) => name.startsWith('copy')).toSorted();
    const fetcher = await get('copy1');
    await until(async () => (await folder()).includes('copy1.part'), 15_000, 'the fetch has begun');
    await pause(between(0, 150));
    fetcher.child.kill('SIGKILL');
    await fetcher.ended;
    // Nobody who is killed tidies up; the next one does, and whoever published has not noticed.
    expect(publisher.child.exitCode).toBeNull();
    const orphaned = await get('copy1', '--idle-timeout', String(IDLE_TIMEOUT_MS));
    await pause(between(300, 800));
    publisher.child.kill('SIGKILL');
    const beganMs = performance.now();
    const code = await orphaned.ended;
    expect(performance.now() - beganMs).toBeLessThan(IDLE_TIMEOUT_MS + SLACK_MS);
    expect(code, `seed ${seed}: ${orphaned.stderr()}`).toBe(4);
    expect(orphaned.stderr()).toContain(`nothing came for ${IDLE_TIMEOUT_MS} ms`);
    expect(await folder()).toEqual([]);
  });

  it('leave nothing with their hosts but bindings that run out', async () => {
    for (const host of ['HOST_B', 'HOST_C']) {
      const first = await led(host);
      await pause(200);
      const later = new Map((await led(host)).map(({ hid, expiresInMs }) => [hid, Number(expiresInMs)]));
      expect(first.length).toBeGreaterThan(0);
      for (const { hid, expiresInMs } of first) {
        expect(Number(expiresInMs), host).toBeLessThanOrEqual(BINDING_LIFETIME_MS);
        // Nobody renews it.
        expect(later.get(hid) ?? 0, host).toBeLessThan(Number(expiresInMs));
      }
      const gauges = new Map((await show(host, 'bounds')).map(({ name, used }) => [name, used]));
      const empty = [
        'streams',
        'ended streams',
        'largest send buffer',
        'fetches',
        'fetched bytes',
        'unfinished chunks',
        'packets to itself',
      ];
      for (const name of empty) expect([host, name, gauges.get(name)]).toEqual([host, name, 0]);
    }
  });

  it('are routers: transfers go on when they have come back', async () => {
    const patient = ['--idle-timeout', '30000'];
    const manifest = join(testbed.folder, 'again.json');
    const publisher = await launch('HOST_B', 'xchunk', ['put', '--json', '-m', manifest, 'big']);
    await until(async () => (await readFile(manifest, 'utf8').catch(() => '')) !== '', 15_000, 'the manifest is written');
    const server = await listen('HOST_B', [...patient, '--file', 'moved']);
    const client = await connect('HOST_C', [...patient, '--file', 'big', server.dag]);
    const fetch = await launch('HOST_C', 'xchunk', ['get', ...patient, '-o', 'fetched', manifest]);
    await until(() => server.events('connected').length > 0, 15_000, 'the transfer has begun');
    await pause(between(0, 200));
    process.kill(testbed.node('R1').process.pid, 'SIGKILL');
    const restarted = start(process.execPath, [binary('xrouter'), 'run', '--config', testbed.config('R1')]);
    try {
      const codes = await Promise.all([client.ended, server.ended, fetch.ended]);
      expect(codes, `seed ${seed}: ${client.stderr()}${server.stderr()}${fetch.stderr()}${restarted.output()}`).toEqual([0, 0, 0]);
      const content = await readFile(join(testbed.folder, 'big'));
      for (const copy of ['moved', 'fetched']) expect((await readFile(join(testbed.folder, copy))).equals(content), copy).toBe(true);
      expect(publisher.child.exitCode).toBeNull();
    } finally {
      restarted.child.kill('SIGTERM');
      await restarted.ended;
    }
  });
});
