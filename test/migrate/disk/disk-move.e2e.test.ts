import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { runMigration, type RunProgress } from '../../../migrate/src/run/index.js';
import { blockContent, BLOCK_BYTES, FIRST_BLOCK, prepareDiskGuest, SLOTS } from '../support/disk-guest.js';
import { DiskMachines } from '../support/disk-machines.js';

const MIB = 1024 ** 2;
const DISK_BYTES = 128 * MIB;
const DATA_AT = 64 * MIB;
const DATA_BYTES = 12 * MIB;

const execute = promisify(execFile);

let machines: DiskMachines;

beforeEach(async () => {
  machines = await DiskMachines.start();
});

/** A raw image that is mostly holes. */
function rawImage(name: string, bytes: number, data?: Buffer): string {
  const path = machines.path(name);
  const file = openSync(path, 'wx');
  ftruncateSync(file, bytes);
  if (data !== undefined) writeSync(file, data, 0, data.length, DATA_AT);
  closeSync(file);
  return path;
}

const rawDisk = (path: string) => [
  '-blockdev',
  `driver=raw,node-name=disk0,discard=unmap,file.driver=file,file.filename=${path}`,
  '-device',
  'virtio-blk-pci,drive=disk0,id=vd0,addr=5',
];

async function bootGuest(...disk: string[]): Promise<void> {
  const { kernel, initrd } = await prepareDiskGuest(machines.folder);
  const append = 'console=ttyS0 quiet panic=-1 mitigations=off init_on_alloc=0 no_timer_check';
  await machines.qemu('a', ...disk, '-kernel', kernel, '-initrd', initrd, '-append', append);
  await machines.untilSaid('a', /^verified/);
}

/** The image at the destination, whose guest has stopped, has what the guest said that it wrote, and all else of the source's. */
function compareImages(from: string, to: string): void {
  const [source, destination] = [readFileSync(from), readFileSync(to)];
  const last = Number(/\d+/.exec(machines.console('b').findLast((line) => line.startsWith('wrote')) ?? '')?.[0]);
  for (let number = last; number > last - SLOTS; number--) {
    const at = (FIRST_BLOCK + (number % SLOTS)) * BLOCK_BYTES;
    // One more may have been written than was said.
    const found = destination.subarray(at, at + BLOCK_BYTES);
    expect(found.equals(blockContent(number)) || found.equals(blockContent(number + SLOTS)), `block ${number} of ${last}`).toBe(true);
  }
  const slots = [FIRST_BLOCK * BLOCK_BYTES, (FIRST_BLOCK + SLOTS) * BLOCK_BYTES] as const;
  expect(destination.subarray(0, slots[0]).equals(source.subarray(0, slots[0]))).toBe(true);
  expect(destination.subarray(slots[1]).equals(source.subarray(slots[1]))).toBe(true);
}

const damage = () => ['a', 'b'].flatMap((name) => machines.console(name).filter((line) => /^DAMAGE|error/.test(line)));

describe('runMigration with a disk', () => {
  it('mirrors it over a stream, and the guest goes on with all that it wrote', async () => {
    const data = randomBytes(DATA_BYTES);
    const [from, to] = [rawImage('a.img', DISK_BYTES, data), rawImage('b.img', DISK_BYTES)];
    await bootGuest(...rawDisk(from));
    await machines.qemu('b', ...rawDisk(to), '-incoming', 'defer');
    const seen: RunProgress[] = [];
    const result = await runMigration(
      machines.plan({ downtimeLimitMs: 1000, listenTimeoutMs: 120_000 }),
      (progress) => void seen.push(progress),
    );
    expect(result).toMatchObject({ outcome: 'moved', runner: 'destination', reason: '' });
    expect(result.disks).toMatchObject([{ name: 'disk0', method: 'nbd', outcome: 'copied', reason: '' }]);
    expect(result.disks[0]!.bytes).toBeGreaterThanOrEqual(DATA_BYTES);
    const copying = seen.flatMap(({ phase, disks }) => (phase === 'checked' ? disks : []));
    expect(copying.some(({ state, bytesPerSecond }) => state === 'copying' && bytesPerSecond > 0)).toBe(true);
    expect(seen.at(-1)?.disks).toMatchObject([{ name: 'disk0', state: 'done' }]);
    expect([await machines.leftIn('a'), await machines.leftIn('b')]).toEqual([[], []]);
    await machines.untilSaid('b', /^verified/, machines.console('b').length);
    await machines.ask('b', 'quit');
    expect(damage()).toEqual([]);
    compareImages(from, to);
    expect(
      readFileSync(to)
        .subarray(DATA_AT, DATA_AT + DATA_BYTES)
        .equals(data),
    ).toBe(true);
    // Holes stay holes.
    expect(statSync(to).blocks * 512).toBeLessThan(DATA_BYTES + 4 * MIB);
    expect(machines.tunnels()).toEqual([]);
  });

  it("moves it by QEMU's block migration, inside the VM stream", async () => {
    const data = randomBytes(DATA_BYTES);
    const [from, to] = [rawImage('a.img', DISK_BYTES, data), machines.path('b.qcow2')];
    await execute('qemu-img', ['create', '-q', '-f', 'qcow2', to, String(DISK_BYTES)]);
    const drive = (path: string, format: string) => [
      '-drive',
      `if=none,id=drive0,format=${format},discard=unmap,file=${path}`,
      '-device',
      'virtio-blk-pci,drive=drive0,id=vd0,addr=5',
    ];
    await bootGuest(...drive(from, 'raw'));
    await machines.qemu('b', ...drive(to, 'qcow2'), '-incoming', 'defer');
    const result = await runMigration(machines.plan({ downtimeLimitMs: 1000, listenTimeoutMs: 120_000, disk: { mode: 'block' } }));
    expect(result).toMatchObject({ outcome: 'moved', reason: '', disks: [{ name: 'drive0', method: 'block', outcome: 'copied' }] });
    // It has the data of the disk besides the memory, and no holes.
    expect(result.disks[0]!.bytes).toBeGreaterThan(0);
    expect(result.bytes).toBeGreaterThan(DATA_BYTES);
    expect(machines.tunnels()).toEqual([]);
    await machines.untilSaid('b', /^verified/, machines.console('b').length);
    await machines.ask('b', 'quit');
    expect(damage()).toEqual([]);
    const plain = machines.path('b.img');
    await execute('qemu-img', ['convert', '-U', '-f', 'qcow2', '-O', 'raw', to, plain]);
    compareImages(from, plain);
    expect(statSync(to).blocks * 512).toBeLessThan(DATA_BYTES + 8 * MIB);
  });
});
