import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DiskMove, type DiskOptions } from '../../../migrate/src/disk/index.js';
import { NbdSource } from '../../../migrate/src/disk/nbd-ends.js';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { FakeDiskQemus } from '../support/fake-disk-qemus.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const PATIENTLY = { timeout: 20_000 };
const fakeTunnel = fileURLToPath(new URL('fake-tunnel.mjs', import.meta.url));

async function open({ disk = {}, words = [] }: { disk?: DiskOptions; words?: string[] } = {}) {
  const folder = await temporaryFolder();
  const [a, b] = [`${folder}/a`, `${folder}/b`];
  const qemus = await FakeDiskQemus.listen(a, b);
  const [source, destination] = [await QmpClient.connect({ path: a }), await QmpClient.connect({ path: b })];
  const moments: string[] = [];
  const move = await DiskMove.open({
    source,
    destination,
    disk,
    tunnel: { xmigrate: [process.execPath, fakeTunnel, ...words], sourceHost: 'a:1', destinationHost: 'b:1' },
    progress: () => undefined,
    onProgress: () => undefined,
    onMoment: (moment) => moments.push(moment),
  });
  onTestFinished(async () => {
    await move.close();
    await source.close();
    await destination.close();
    await qemus.close();
  });
  qemus.asked.length = 0;
  return { qemus, move, moments, source };
}

describe('the disks of a migration', () => {
  it('are whole, and let go at both ends, before QEMU may go on', async () => {
    const { qemus, move, moments } = await open();
    await move.prepare(undefined);
    expect(qemus.asked).toEqual([
      'source migrate-set-capabilities',
      'destination migrate-set-capabilities',
      'destination nbd-server-stop',
      'destination nbd-server-start',
      'destination block-export-add',
      'source blockdev-add',
      'source blockdev-mirror',
    ]);
    expect(move.progress()).toMatchObject([{ name: 'disk0', state: 'ready' }]);
    qemus.asked.length = 0;
    qemus.tell('MIGRATION', { status: 'pre-switchover' });
    // A second word about it changes nothing.
    qemus.tell('MIGRATION', { status: 'pre-switchover' });
    await expect.poll(() => qemus.asked.at(-1), PATIENTLY).toBe('source migrate-continue');
    expect(qemus.asked).toEqual([
      'source block-job-cancel',
      'source blockdev-del',
      'destination nbd-server-stop',
      'source migrate-continue',
    ]);
    expect(moments).toEqual(['disks-copied', 'disks-switched']);
    expect(move.fault).toBeUndefined();
    expect(move.results(true)).toMatchObject([{ name: 'disk0', method: 'nbd', outcome: 'copied', reason: '', bytes: 100 }]);
  });

  it('are not switched over when a copy ends badly in the last moment: the guest is given back', async () => {
    const { qemus, move, moments } = await open();
    await move.prepare(undefined);
    qemus.endError = 'Input/output error';
    qemus.tell('MIGRATION', { status: 'pre-switchover' });
    await expect.poll(() => qemus.asked.at(-1), PATIENTLY).toBe('source migrate_cancel');
    expect(qemus.asked).not.toContain('source migrate-continue');
    expect(moments).toEqual(['disks-copied']);
    expect(move.fault).toContain('Input/output error');
    await move.close();
    expect(qemus.asked.slice(-2)).toEqual(['source blockdev-del', 'destination nbd-server-stop']);
    expect(move.results(false)).toMatchObject([{ outcome: 'failed', reason: 'Input/output error' }]);
  });

  it('are not switched over when a copy has failed before', async () => {
    const { qemus, move } = await open();
    await move.prepare(undefined);
    qemus.tell('BLOCK_JOB_COMPLETED', { device: 'xmigrate-disk-0', error: 'No space left on device' });
    await expect.poll(() => move.fault, PATIENTLY).toContain('No space left');
    qemus.tell('MIGRATION', { status: 'pre-switchover' });
    await expect.poll(() => qemus.asked.at(-1), PATIENTLY).toBe('source migrate_cancel');
    expect(qemus.asked).not.toContain('source block-job-cancel');
  });

  it('are given up before anything is served when the way does not open', async () => {
    const { qemus, move } = await open({ words: ['broken'] });
    await expect(move.prepare(undefined)).rejects.toMatchObject({
      code: 'disk-failed',
      message: expect.stringContaining('no XIA host') as string,
    });
    expect(qemus.asked).not.toContain('destination nbd-server-start');
  });

  it('are left alone when there is nothing to copy', async () => {
    const { qemus, move } = await open({ disk: { sharedStorage: true } });
    await move.prepare(undefined);
    expect(qemus.asked).toEqual(['source migrate-set-capabilities', 'destination migrate-set-capabilities']);
    expect(move.progress()).toEqual([]);
    expect(move.results(true)).toMatchObject([{ name: 'disk0', outcome: 'left', reason: 'shared' }]);
  });

  it('cannot be shared and copied', async () => {
    await expect(open({ disk: { sharedStorage: true, mode: 'nbd' } })).rejects.toMatchObject({ code: 'refused' });
  });
});

describe('a guest that writes faster than the copy follows', () => {
  it('waits for a copy that is begun anew before QEMU 8.2', async () => {
    const { qemus, source } = await open();
    const end = new NbdSource(source);
    await end.mirror(0, 'disk0');
    let restarted = 0;
    await end.blockWrites(0, 'disk0', () => restarted++);
    expect(qemus.asked).toEqual(['source blockdev-mirror', 'source block-job-cancel', 'source blockdev-mirror']);
    expect(restarted).toBe(1);
    expect(qemus.jobs).toMatchObject([{ 'copy-mode': 'write-blocking' }]);
  });

  it('waits for the copy in work from then on', async () => {
    const { qemus, source } = await open();
    Object.assign(source.version, { major: 8, minor: 2 });
    const end = new NbdSource(source);
    await end.mirror(0, 'disk0');
    await end.blockWrites(0, 'disk0', () => expect.unreachable());
    expect(qemus.asked).toEqual(['source blockdev-mirror', 'source block-job-change']);
  });
});
