import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DEFAULT_WORKLOAD } from '../../../migrate/src/guest/guest-config.js';
import { execUri, migrateIn, migrateOut, queryMigration, queryRunState, waitUntilRunning } from '../../../migrate/src/qemu/migration.js';
import { QemuProcess, type QemuOptions } from '../../../migrate/src/qemu/qemu-process.js';
import { prepareCounterGuest } from '../support/guest-under-test.js';
import { NetdevPeer, type SeenFrame } from '../support/netdev-peer.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const BOOT_AND_MOVE_MS = 120_000;
const MAC = '52:54:00:12:34:56';

interface Report {
  readonly sent: number;
  readonly wallMs: number;
  readonly filledBytes: number;
  readonly counter: number;
}

const reportOf = (frame: SeenFrame | undefined) => JSON.parse(frame?.text ?? '{}') as Report;
const datagrams = (peer: NetdevPeer) => peer.seen.filter(({ kind }) => kind === 'udp');

async function launch(options: Omit<QemuOptions, 'accelerator' | 'memoryMb'>): Promise<QemuProcess> {
  const qemu = await QemuProcess.start({ accelerator: 'tcg', memoryMb: 640, ...options });
  onTestFinished(async () => void (await qemu.stop()));
  return qemu;
}

/** A guest that dies says why on its console; waiting on would hide it. */
async function unlessItEnds<T>(qemu: QemuProcess, wanted: Promise<T>): Promise<T> {
  const ended = qemu.exited.then(async ({ stderr }) => {
    throw new Error(`${qemu.name} ended: ${stderr}\n${await readFile(qemu.files.serialLog, 'utf8')}`);
  });
  return Promise.race([wanted, ended]);
}

async function gateway(path: string): Promise<NetdevPeer> {
  const peer = await NetdevPeer.listen(path);
  onTestFinished(() => peer.close());
  return peer;
}

test(
  'a guest with 300 MB of changing memory survives failed moves and goes on, undamaged, after a real one',
  { timeout: BOOT_AND_MOVE_MS },
  async () => {
    const folder = await temporaryFolder();
    const boot = await prepareCounterGuest(folder, { workload: DEFAULT_WORKLOAD });
    const [here, there] = [await gateway(join(folder, 'a.sock')), await gateway(join(folder, 'b.sock'))];

    const startedMs = performance.now();
    const source = await launch({ name: 'a', directory: join(folder, 'a'), network: { path: join(folder, 'a.sock'), mac: MAC }, boot });
    const first = await unlessItEnds(
      source,
      here.until(({ kind }) => kind === 'udp'),
    );
    await unlessItEnds(
      source,
      here.until((frame) => frame.kind === 'udp' && reportOf(frame).counter > 0),
    );
    const bootMs = Math.round(first.atMs - startedMs);

    // A command that ends early, and a cancel: the guest stays, and runs.
    expect(await migrateOut(source.qmp, { uri: 'exec:head -c 1000000 > /dev/null' })).toMatchObject({ status: 'failed' });
    const abort = new AbortController();
    const cancelled = await migrateOut(source.qmp, {
      uri: 'exec:cat > /dev/null',
      maxBandwidthBytesPerSecond: 20e6,
      signal: abort.signal,
      onProgress: ({ transferredBytes }) => transferredBytes > 0 && abort.abort(),
    });
    expect(cancelled).toMatchObject({ status: 'cancelled' });
    expect(await queryRunState(source.qmp)).toEqual({ status: 'running', running: true });

    // The destination gets neither kernel nor configuration: all that comes by the stream.
    const network = { path: join(folder, 'b.sock'), mac: MAC };
    const destination = await launch({ name: 'b', directory: join(folder, 'b'), network, incoming: true, paused: true });
    expect(await queryRunState(destination.qmp)).toEqual({ status: 'inmigrate', running: false });
    expect(there.connectedAtMs).toHaveLength(1);
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await migrateIn(destination.qmp, execUri(['cat', fifo]));
    const outcome = await migrateOut(source.qmp, { uri: `exec:cat > ${fifo}` });
    expect(outcome).toMatchObject({ status: 'completed' });
    expect(outcome.progress.transferredBytes).toBeGreaterThan(DEFAULT_WORKLOAD.bytes);
    expect(outcome.progress.totalMs).toBeGreaterThan(0);
    expect(await queryRunState(source.qmp)).toEqual({ status: 'postmigrate', running: false });

    // Until it is told to, the copy at the destination is silent: no announcement gets out.
    await expect.poll(async () => (await queryMigration(destination.qmp)).status).toBe('completed');
    expect(await queryRunState(destination.qmp)).toEqual({ status: 'paused', running: false });
    expect(there.seen).toEqual([]);
    await destination.qmp.execute('cont');
    await waitUntilRunning(destination.qmp);
    const next = await unlessItEnds(
      destination,
      there.until(({ kind }) => kind === 'udp'),
    );
    const last = datagrams(here).at(-1);
    expect(reportOf(next).sent - reportOf(last).sent).toBeLessThanOrEqual(2);
    expect(there.seen[0]?.kind).toBe('rarp');

    there.sendUdp('check');
    // A line may be there by half.
    const printed = async () => /^\{"guest":"checked".*\r?\n/m.exec(await readFile(destination.files.serialLog, 'utf8'))?.[0];
    await expect.poll(printed, { timeout: 20_000 }).toBeDefined();
    const checked = JSON.parse((await printed()) ?? '{}') as Record<string, number>;
    expect(checked).toMatchObject({ damage: -1, filledBytes: 299_999_232 });
    expect(checked['counter']).toBeGreaterThan(reportOf(last).counter);
    // The budget of 640 MB: something must be left for the application.
    expect(checked['availableBytes']).toBeGreaterThan(100e6);
    expect(bootMs).toBeLessThan(30_000);
  },
);
