import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { DiskMove } from '../../../migrate/src/disk/index.js';
import { queryMigration, queryRunState, setMigrationCapabilities } from '../../../migrate/src/qemu/migration.js';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { inspectMove, runMigration, type RunProgress, type RunResult } from '../../../migrate/src/run/index.js';
import { diskPlanWords } from '../../../migrate/src/xmigrate/disk-words.js';
import { binary } from '../../e2e/programs.js';
import { DiskMachines } from '../support/disk-machines.js';
import { endWithTest } from '../support/end-with-test.js';

const MIB = 1024 ** 2;
/** So slow that a copy is never over when a test does something to it. */
const SLOW = { maxBandwidthBytesPerSecond: MIB };
const execute = promisify(execFile);

let machines: DiskMachines;

beforeEach(async () => {
  machines = await DiskMachines.start();
});

/** An image of 32 MB, the first 16 of them full. */
async function image(name: string, { format = 'raw', bytes = 32 * MIB, isFull = false } = {}): Promise<string> {
  const path = machines.path(name);
  const content = machines.path('content');
  if (!isFull) await execute('qemu-img', ['create', '-q', '-f', format, path, String(bytes)]);
  else {
    writeFileSync(content, Buffer.concat([randomBytes(bytes / 2), Buffer.alloc(bytes / 2)]));
    await execute('qemu-img', ['convert', '-f', 'raw', '-O', format, content, path]);
  }
  return path;
}

const node = (index: number, options: string) => [
  '-blockdev',
  `node-name=disk${index},discard=unmap,${options}`,
  '-device',
  `virtio-blk-pci,drive=disk${index},id=vd${index},addr=${5 + index}`,
];
const disk = (index: number, format: string, path: string) => node(index, `driver=${format},file.driver=file,file.filename=${path}`);

/** A machine with firmware and nothing to boot. */
const firmware = (name: string, ...disks: string[]) => machines.qemu(name, '-m', '32', ...disks);
const waiting = (...disks: string[]) => firmware('b', ...disks, '-incoming', 'defer');

const stateOf = async (name: string) => ((await machines.ask(name, 'query-status')) as { status: string }).status;
const isSame = (from: string, to: string) => execute('qemu-img', ['compare', '-U', from, to]).then(({ stdout }) => stdout);

/** The guest runs where it was, with its own disk, and nobody is in its way. */
async function expectUntouched(): Promise<void> {
  expect(await stateOf('a')).toBe('running');
  expect(await stateOf('b')).toBe('inmigrate');
  await expectNothingLeft();
}

/** The folders with the sockets of a tunnel. */
const folders = async (pid: number | undefined = process.pid) =>
  (await readdir(tmpdir())).filter((name) => name.startsWith(`xmigrate-disk-${pid}-`));

async function expectNothingLeft(): Promise<void> {
  expect(await machines.leftIn('a')).toEqual([]);
  expect(await machines.leftIn('b')).toEqual([]);
  expect(machines.tunnels()).toEqual([]);
}

/** Does something to the copy once it is under way. */
async function interfere(act: () => void, slow = SLOW, signal?: AbortSignal): Promise<RunResult> {
  let acted = false;
  const onProgress = ({ disks }: RunProgress) => {
    if (acted || !disks.some(({ doneBytes }) => doneBytes > 0)) return;
    acted = true;
    act();
  };
  const result = await runMigration(machines.plan({ disk: slow, ...(signal === undefined ? {} : { signal }) }), onProgress);
  expect(result.phases.map(({ name }) => name)).toEqual(['checked']);
  return result;
}

/** At once: nothing else of this process goes on before it is done. */
const killTunnel = (end: 'disk-connect' | 'disk-listen') => () => {
  const pids = machines.tunnels(end);
  expect(pids).toHaveLength(1);
  process.kill(pids[0]!, 'SIGKILL');
  return true;
};

describe('a copy that does not come to its end', () => {
  it('leaves the VM with its disk and nothing behind, as often as it happens, and another one brings it over', async () => {
    const [from, to] = [await image('a.qcow2', { format: 'qcow2', isFull: true }), await image('b.img')];
    await firmware('a', ...disk(0, 'qcow2', from));
    await waiting(...disk(0, 'raw', to));

    for (const end of ['disk-connect', 'disk-listen'] as const) {
      const result = await interfere(killTunnel(end));
      expect(result).toMatchObject({ outcome: 'stayed', runner: 'source', disks: [{ name: 'disk0', method: 'nbd', outcome: 'failed' }] });
      expect(result.reason).toContain('disk tunnel broke');
      await expectUntouched();
    }
    const stop = new AbortController();
    expect(await interfere(() => stop.abort(), SLOW, stop.signal)).toMatchObject({ outcome: 'stayed', runner: 'source' });
    await expectUntouched();
    expect(await folders()).toEqual([]);

    const result = await runMigration(machines.plan());
    expect(result).toMatchObject({ outcome: 'moved', runner: 'destination', disks: [{ name: 'disk0', outcome: 'copied', reason: '' }] });
    expect(result.phases.map(({ name }) => name)).toEqual(expect.arrayContaining(['disks-copied', 'stopped', 'disks-switched', 'resumed']));
    expect(await isSame(from, to)).toContain('identical');
    await expectNothingLeft();
  });

  it('is begun anew after its orchestrator was killed', async () => {
    const [from, to] = [await image('a.img', { isFull: true }), await image('b.img')];
    await firmware('a', ...disk(0, 'raw', from));
    await waiting(...disk(0, 'raw', to));
    const { source, destination } = machines.plan();
    const words = ['run', '--vm', 'vm1', '--json', '--source-qmp', machines.path('a.qmp'), '--destination-qmp', machines.path('b.qmp')];
    words.push('--source-host', source.host, '--destination-host', destination.host);
    words.push('--source-state', source.stateDirectory, '--destination-state', destination.stateDirectory);
    const child = spawn(process.execPath, [binary('xmigrate'), ...words, '--disk-bandwidth', '1M'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    endWithTest(child);
    for await (const piece of child.stdout) if (/"doneBytes":[1-9]/.test(String(piece))) break;
    child.kill('SIGKILL');
    await once(child, 'exit');
    // They see that nobody holds their stdin any more.
    for (let tries = 0; machines.tunnels().length > 0; tries++) {
      expect(tries, 'the tunnel is still there').toBeLessThan(400);
      await sleep(50);
    }
    expect(await stateOf('a')).toBe('running');
    expect(await folders(child.pid)).toHaveLength(1);
    const { stdout } = await execute(process.execPath, [binary('xmigrate'), ...words, '--disk', 'nbd']);
    const last = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, unknown>;
    expect(await folders(child.pid)).toEqual([]);
    expect(last).toMatchObject({ event: 'result', outcome: 'moved', disks: [{ method: 'nbd', outcome: 'copied' }] });
    expect(await isSame(from, to)).toContain('identical');
    await expectNothingLeft();
  });

  it('takes the VM back when it breaks while the memory moves', async () => {
    const [from, to] = [await image('a.img', { isFull: true }), await image('b.img')];
    await firmware('a', ...disk(0, 'raw', from));
    await waiting(...disk(0, 'raw', to));
    let killed = false;
    const result = await runMigration(machines.plan({ maxBandwidthBytesPerSecond: 100_000 }), ({ phase }) => {
      if (phase === 'started') killed ||= killTunnel('disk-listen')();
    });
    expect(result).toMatchObject({ outcome: 'stayed', runner: 'source', disks: [{ outcome: 'failed' }] });
    expect(result.reason).toContain('disk tunnel broke');
    expect(await stateOf('a')).toBe('running');
    expect(await machines.leftIn('a')).toEqual([]);
    expect(machines.tunnels()).toEqual([]);
  });

  it('gives a guest that has been stopped for the switch-over back', async () => {
    const [from, to] = [await image('a.img', { isFull: true }), await image('b.img')];
    await firmware('a', ...disk(0, 'raw', from));
    await waiting(...disk(0, 'raw', to));
    await using source = await QmpClient.connect({ path: machines.path('a.qmp') });
    await using destination = await QmpClient.connect({ path: machines.path('b.qmp') });
    const ignore = () => undefined;
    const { tunnel } = machines;
    const move = await DiskMove.open({ source, destination, disk: {}, tunnel, progress: ignore, onProgress: ignore, onMoment: ignore });
    try {
      await move.prepare(undefined);
      await source.execute('block-job-cancel', { device: 'xmigrate-disk-0', force: true });
      await expect.poll(() => move.fault, { timeout: 20_000 }).toBe('disk0: the copy was cancelled');
      await setMigrationCapabilities(source, { events: true });
      const stopped = source.waitForEvent('STOP', { timeoutMs: 60_000 });
      await source.execute('migrate', { uri: `exec:cat > ${machines.path('stream')}` });
      await stopped;
      await expect.poll(async () => (await queryMigration(source)).status, { timeout: 20_000 }).toBe('cancelled');
      expect(await queryRunState(source)).toMatchObject({ status: 'running' });
    } finally {
      await move.close();
    }
  });

  it('says that there is no space at the destination', async () => {
    const [from, to] = [await image('a.img', { isFull: true }), await image('b.img')];
    await firmware('a', ...disk(0, 'raw', from));
    const full = 'inject-error.0.event=pwritev,file.inject-error.0.iotype=write,file.inject-error.0.errno=28';
    await waiting(...node(0, `driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=${to},file.${full}`));
    const result = await runMigration(machines.plan());
    expect(result).toMatchObject({ outcome: 'stayed', runner: 'source', disks: [{ outcome: 'failed' }] });
    expect(result.reason).toMatch(/write failed: No space left/);
    await expectUntouched();
  });

  it('is refused before anything begins when the image there is too small', async () => {
    const [from, to] = [await image('a.img', { isFull: true }), await image('b.img', { bytes: 31 * MIB })];
    await firmware('a', ...disk(0, 'raw', from));
    await waiting(...disk(0, 'raw', to));
    const { findings, disks } = await inspectMove({ ...machines.plan(), adapts: true }, false);
    const tooSmall = { level: 'fault', where: 'destination', what: expect.stringContaining('disk0 is smaller there') as string };
    expect(findings).toContainEqual(expect.objectContaining(tooSmall));
    expect(disks?.pairs).toEqual([]);
    await expectUntouched();
    await expect(runMigration(machines.plan())).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('smaller') as string,
    });
    await expectUntouched();
  });
});

describe('a move of several disks', () => {
  it('copies the two that are its own, and neither the one that is shared nor the one that nobody writes', async () => {
    const pairs: [string, string][] = [];
    for (const [index, format] of ['raw', 'qcow2'].entries()) {
      pairs.push([await image(`a${index}`, { format, isFull: true }), await image(`b${index}`, { format })]);
    }
    const [shared, fixed] = [await image('shared.img'), await image('fixed.img')];
    const disks = (side: 0 | 1) => [
      ...disk(0, 'raw', pairs[0]![side]),
      ...disk(1, 'qcow2', pairs[1]![side]),
      ...disk(2, 'raw', shared),
      ...node(3, `driver=raw,read-only=on,file.driver=file,file.filename=${fixed}`),
    ];
    await firmware('a', ...disks(0));
    await waiting(...disks(1));
    // A guest that does not run moves as well.
    await machines.ask('a', 'stop');
    const { findings, disks: plan } = await inspectMove({ ...machines.plan(), adapts: true }, false);
    expect(findings.filter(({ level }) => level === 'fault')).toEqual([]);
    expect(diskPlanWords(plan!)).toMatch(
      /^disk0: at most 16\.\d MB by nbd to \S+b0; disk1: at most 1\d\.\d MB by nbd to \S+b1; disk2: left, shared; disk3: left, read-only$/,
    );
    const result = await runMigration(machines.plan());
    expect(result).toMatchObject({ outcome: 'moved', runner: 'none', reason: '' });
    expect(result.disks.map(({ name, outcome, reason }) => [name, outcome, reason])).toEqual([
      ['disk0', 'copied', ''],
      ['disk1', 'copied', ''],
      ['disk2', 'left', 'shared'],
      ['disk3', 'left', 'read-only'],
    ]);
    for (const [from, to] of pairs) expect(await isSame(from, to)).toContain('identical');
    await expectNothingLeft();
  });
});
