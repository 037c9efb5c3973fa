import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { isProcessAlive, OwnershipFile } from '../../../migrate/src/state/index.js';
import { stateOf } from '../support/bare-machines.js';
import { RealPair } from './real-pair.js';
import { processesWith, xmigrate, type Running } from './xmigrate-process.js';

let pair: RealPair;
let a: string;
let b: string;
let run: Running;

const record = (end: 'a' | 'b') => new OwnershipFile(pair.state(end), 'vm1').read();
const programs = () => [...processesWith(pair.state('a')), ...processesWith(pair.state('b'))];
const noProgramIsLeft = () => expect.poll(programs, { timeout: 120_000, interval: 100 }).toEqual([]);
const states = async () => [await stateOf(a), await stateOf(b)];

beforeEach(async () => {
  pair = await RealPair.start();
  [a, b] = await Promise.all([pair.machine('a'), pair.machine('b', ['-incoming', 'defer'])]);
});

/** Starts a run that takes some seconds, and waits until the source is under way. */
async function start(...words: string[]): Promise<void> {
  const [hostA, hostB] = pair.hosts;
  const options = {
    vm: 'vm1',
    'source-qmp': a,
    'destination-qmp': b,
    'source-host': hostA,
    'destination-host': hostB,
    'source-state': pair.state('a'),
    'destination-state': pair.state('b'),
    'max-bandwidth': '150K',
  };
  run = xmigrate('run', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]), ...words);
  await run.said(words.includes('--json') ? /"status":"active"/ : /started/);
}

const tell = async (socket: string, command: string) => {
  await using qmp = await QmpClient.connect({ path: socket });
  await qmp.execute(command);
};
const killProgram = (end: 'a' | 'b') => process.kill(record(end)!.pid, 'SIGKILL');
const mend = async (wish: string, end: 'a' | 'b', ...words: string[]) =>
  (await xmigrate(wish, '--vm', 'vm1', '--state', pair.state(end), ...words).ended).code;

describe('a run of which something is killed', () => {
  it('ends at the destination when only run dies: its programs finish by themselves', async () => {
    await start('--json');
    run.kill('SIGKILL');
    await noProgramIsLeft();
    expect(await states()).toEqual(['postmigrate', 'running']);
    expect([record('a')?.phase, record('b')?.phase]).toEqual(['gone', 'running']);
    // Nothing is left to mend, and saying so twice does no harm.
    for (const round of [1, 2]) {
      expect([await mend('resume', 'a'), await mend('resume', 'b')], `round ${round}`).toEqual([0, 0]);
      expect(await mend('abort', 'a')).toBe(5);
    }
    expect(await states()).toEqual(['postmigrate', 'running']);
  });

  it('leaves the guest at the source on Ctrl-C', async () => {
    await start('--json');
    run.kill('SIGINT');
    const { code } = await run.ended;
    expect(code).not.toBe(0);
    await noProgramIsLeft();
    expect((await states())[0]).toBe('running');
  });

  it('is mended by resume, twice with the same outcome, when all of it is killed at once', async () => {
    await start('--json');
    run.kill('SIGKILL');
    killProgram('a');
    killProgram('b');
    await noProgramIsLeft();
    await sleep(200);
    const { text } = await xmigrate('status', '--vm', 'vm1', '--state', pair.state('a')).ended;
    const advised = /to do {3}xmigrate (.*)\n/.exec(text)?.[1]?.split(' ') ?? [];
    expect(advised).toEqual(['resume', '--vm', 'vm1', '--state', pair.state('a'), '--qmp', a]);
    for (const round of [1, 2]) {
      expect((await xmigrate(...advised).ended).code, `round ${round}`).toBe(0);
      expect(await mend('abort', 'b'), `round ${round}`).toBe(0);
    }
    // Those of programs that live are another migration's.
    const sockets = readdirSync(tmpdir()).filter((name) => name.startsWith('xmigrate-qemu-'));
    expect(sockets.filter((name) => !isProcessAlive(Number(name.split('-')[2])))).toEqual([]);
    expect((await states())[0]).toBe('running');
    expect((await states())[1]).not.toBe('running');
    expect([record('a')?.phase, record('b')?.phase]).toEqual(['running', 'aborted']);
  });

  it('leaves a guest paused that was paused before, where it stays as well as where it goes', async () => {
    await tell(a, 'stop');
    await start('--json');
    run.kill('SIGKILL');
    killProgram('a');
    killProgram('b');
    await noProgramIsLeft();
    const resumed = await xmigrate('resume', '--vm', 'vm1', '--state', pair.state('a')).ended;
    expect(resumed).toMatchObject({ code: 0, text: expect.stringContaining('it was paused when its move began, and stays so') });
    expect(await mend('abort', 'b')).toBe(0);
    expect((await states())[0]).toBe('paused');

    b = await pair.machine('c', ['-incoming', 'defer']);
    await start('--json');
    expect((await run.ended).code).toBe(0);
    expect(await states()).toEqual(['postmigrate', 'paused']);
    expect(await mend('resume', 'b')).toBe(0);
    expect(await states()).toEqual(['postmigrate', 'paused']);
  });
});
