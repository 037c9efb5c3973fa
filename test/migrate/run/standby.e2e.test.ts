import { connect } from 'node:net';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runMigration, type RunMigrationOptions } from '../../../migrate/src/run/index.js';
import { OwnershipFile } from '../../../migrate/src/state/index.js';
import { stateOf } from '../support/bare-machines.js';
import { RealPair } from './real-pair.js';
import { processesWith, xmigrate, type Running } from './xmigrate-process.js';

let pair: RealPair;
let a: string;
let b: string;
let standbys: Record<'a' | 'b', Running>;

const socketOf = (end: 'a' | 'b') => join(pair.directory, `standby-${end}`, 'socket');
const record = (end: 'a' | 'b') => new OwnershipFile(pair.state(end), 'vm1').read();
const states = async () => [await stateOf(a), await stateOf(b)];
const workers = () => processesWith('standby\0--worker\0');
const incoming = ['-incoming', 'defer'];

/** As its workers say it. */
const free = (end: 'a' | 'b', programs: number) => standbys[end].said(new RegExp(`worker (\\d+) is free again \\(${programs} program`));

function plan(from: string, to: string, direction: 'ab' | 'ba' = 'ab'): RunMigrationOptions {
  const { source, destination, xmigrate: _, ...rest } = pair.plan(from, to);
  const ends = { a: { ...source, standby: socketOf('a') }, b: { ...destination, standby: socketOf('b') } };
  const [first, second] = direction === 'ab' ? [ends.a, ends.b] : [ends.b, ends.a];
  return { ...rest, source: { ...first, qmp: from }, destination: { ...second, qmp: to } };
}

/** Starts `xmigrate run` for a move that takes some seconds, and waits until the source is under way. */
async function startRun(): Promise<Running> {
  const run = xmigrate('run', '--json', ...runWords(), '--bandwidth', '150K');
  await run.said(/"status":"active"/);
  return run;
}

/** The options of a move by the two standbys. */
function runWords(): string[] {
  const { source, destination } = plan(a, b);
  const options = {
    vm: 'vm1',
    'source-qmp': a,
    'destination-qmp': b,
    'source-host': source.host,
    'destination-host': destination.host,
    'source-state': source.stateDirectory,
    'destination-state': destination.stateDirectory,
    'source-standby': socketOf('a'),
    'destination-standby': socketOf('b'),
  };
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
}

beforeEach(async () => {
  pair = await RealPair.start();
  const start = (end: 'a' | 'b') => xmigrate('standby', '--socket', socketOf(end), '--warm-ups', '', '--max-workers', '1');
  standbys = { a: start('a'), b: start('b') };
  [a, b] = await Promise.all([pair.machine('a'), pair.machine('b', incoming)]);
  await Promise.all([standbys.a.said(/is ready/), standbys.b.said(/is ready/)]);
});

afterEach(async () => {
  for (const standby of [standbys.a, standbys.b]) standby.kill('SIGTERM');
  await Promise.all([standbys.a.ended, standbys.b.ended]);
});

describe('a move by programs of standbys', () => {
  it('is made there and back by the same two processes, which leave nothing behind', async () => {
    const there = await runMigration(plan(a, b));
    expect(there).toMatchObject({ outcome: 'moved', runner: 'destination', reason: '' });
    expect(there.sha256.source).toBe(there.sha256.destination);
    expect([record('a')?.phase, record('b')?.phase]).toEqual(['gone', 'running']);
    expect(await states()).toEqual(['postmigrate', 'running']);
    const pids = await Promise.all([free('a', 1), free('b', 1)]);
    expect(pids.map(Number)).toEqual([record('a')?.pid, record('b')?.pid]);

    const home = await pair.machine('home', incoming);
    const back = await runMigration(plan(b, home, 'ba'));
    expect(back).toMatchObject({ outcome: 'moved', runner: 'destination', reason: '' });
    expect([record('a')?.phase, record('b')?.phase]).toEqual(['running', 'gone']);
    expect(await Promise.all([free('a', 2), free('b', 2)])).toEqual(pids);
    // Of this move alone.
    expect(back.cpuSeconds.source).toBeGreaterThan(0);
    expect(back.cpuSeconds.source).toBeLessThan(back.totalTimeMs / 1000);
    // What it has done long ago is no transfer that could be stopped, and its process lives.
    const { code } = await xmigrate('abort', '--vm', 'vm1', '--state', pair.state('b')).ended;
    expect(code).toBe(5);
    expect(workers()).toEqual(expect.arrayContaining(pids.map(Number)));
    expect(readdirSync(tmpdir()).filter((name) => pids.some((pid) => name.startsWith(`xmigrate-qemu-${pid}-`)))).toEqual([]);

    standbys.a.kill('SIGTERM');
    expect((await standbys.a.ended).code).toBe(143);
    expect(existsSync(socketOf('a'))).toBe(false);
    expect(workers()).not.toContain(Number(pids[0]));
  });

  it('leaves the guest at the source when a worker is killed, and another takes its place', async () => {
    const run = await startRun();
    const pid = record('b')!.pid;
    process.kill(pid, 'SIGKILL');
    const { code, text } = await run.ended;
    expect(code).toBe(1);
    expect(text).toContain('"outcome":"stayed"');
    expect((await states())[0]).toBe('running');
    await standbys.b.said(new RegExp(`worker ${pid} has ended: it was ended by SIGKILL\\n(.*\\n)*.*is ready`));
    // A program that did not end well is not used again either.
    await standbys.a.said(/has ended: its program ended with code 4|has ended: its program ended with code 1/);
  });

  it('is finished by the workers when run is killed', async () => {
    const run = await startRun();
    run.kill('SIGKILL');
    await Promise.all([standbys.a, standbys.b].map((standby) => standby.said(/has ended: the xmigrate run of its program had gone/)));
    expect(await states()).toEqual(['postmigrate', 'running']);
    expect([record('a')?.phase, record('b')?.phase]).toEqual(['gone', 'running']);
  });

  it('goes on when a standby is killed, whose worker then ends', async () => {
    const run = await startRun();
    const pid = record('a')!.pid;
    standbys.a.kill('SIGKILL');
    const { code, text } = await run.ended;
    expect(text).toContain('"outcome":"moved"');
    expect(code).toBe(0);
    await expect.poll(workers, { timeout: 30_000 }).not.toContain(pid);
    expect(await states()).toEqual(['postmigrate', 'running']);
  });

  it('stays at the source when a standby is stopped before the commit', async () => {
    const run = await startRun();
    const pids = [record('a')!.pid, record('b')!.pid];
    standbys.a.kill('SIGINT');
    expect((await standbys.a.ended).code).toBe(130);
    const { code, text } = await run.ended;
    expect(code).toBe(1);
    expect(text).toContain('"outcome":"stayed"');
    expect((await states())[0]).toBe('running');
    expect(workers()).not.toContain(pids[0]);
  });
});

describe('a standby that cannot be had', () => {
  it('is said, and nothing is touched', async () => {
    const { source, ...rest } = plan(a, b);
    const wrong = runMigration({ ...rest, source: { ...source, standby: `${socketOf('a')}-not` } });
    await expect(wrong).rejects.toThrow(/at the source ended: no standby answers at .*-not/);
    expect((await states())[0]).toBe('running');

    // Who connects has the only worker, for as long as it may take to say what is wanted.
    const silent = connect(socketOf('a'));
    await standbys.a.said(/was taken/);
    const busy = runMigration(plan(a, await pair.machine('c', incoming)));
    await expect(busy).rejects.toThrow(/the standby is busy: 1 program runs already/);
    silent.destroy();
    expect((await states())[0]).toBe('running');
  });

  it('is said before a move is made, and by a dry run, which takes no worker', async () => {
    expect((await xmigrate('run', ...runWords(), '--dry-run').ended).code).toBe(0);
    standbys.b.kill('SIGKILL');
    await standbys.b.ended;
    for (const words of [['--dry-run'], []]) {
      const { code, text } = await xmigrate('run', ...runWords(), ...words).ended;
      expect(text).toMatch(/FAULT.*destination: no standby answers at .*standby-b\/socket: .*ECONNREFUSED/);
      expect([code, text]).toEqual([5, expect.stringContaining('was not touched')]);
    }
    expect(await states()).toEqual(['running', 'inmigrate']);
    standbys.a.kill('SIGTERM');
    expect((await standbys.a.ended).text).not.toContain('was taken');
  });

  it('does not let anybody wait until it is warm', async () => {
    const socket = join(pair.directory, 'slow', 'socket');
    const slow = xmigrate('standby', '--socket', socket, '--warm-ups', '1000,1000,1000');
    await slow.said(/listening/);
    const somebody = connect(socket);
    await slow.said(/was taken/);
    somebody.destroy();
    await slow.said(/is free again \(0 programs/);
    slow.kill('SIGTERM');
    expect((await slow.ended).code).toBe(143);
  });

  it('does not listen where others may come', async () => {
    const folder = join(pair.directory, 'open');
    mkdirSync(folder, { mode: 0o755 });
    const { code, text } = await xmigrate('standby', '--socket', join(folder, 'socket')).ended;
    expect([code, text]).toEqual([5, expect.stringContaining('others may enter this folder')]);
    expect((await xmigrate('standby', '--socket', socketOf('b')).ended).code).not.toBe(0);
  });
});
