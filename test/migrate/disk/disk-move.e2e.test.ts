import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runMigration, type RunProgress } from '../../../migrate/src/run/index.js';
import { blockContent, BLOCK_BYTES, FIRST_BLOCK, prepareDiskGuest, SLOTS } from '../support/disk-guest.js';
import { DiskMachines } from '../support/disk-machines.js';

const MIB = 1024 ** 2;
const DISK_BYTES = 128 * MIB;
const DATA_AT = 64 * MIB;
const DATA_BYTES = 12 * MIB;

let machines: DiskMachines;

beforeEach(async () => {
  machines = await DiskMachines.start();
});

afterEach(async () => {
  await machines.close();
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
  const append = 'console=ttyS0 quiet panic=-1 mitigations=off init_on_alloc=0';
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

const said = (name: string) => machines.console(name).filter((line) => line.startsWith('DAMAGE') || line.includes('error'));

describe('runMigration with a disk', () => {
  it('mirrors it over a stream, and the guest goes on with all that it wrote', async () => {
    const data = randomBytes(DATA_BYTES);
    const [from, to] = [rawImage('a.img', DISK_BYTES, data), rawImage('b.img', DISK_BYTES)];
    await bootGuest(...rawDisk(from));
    await machines.qemu('b', ...rawDisk(to), '-incoming', 'defer');
    const seen: RunProgress[] = [];
    const result = await runMigration(machines.plan({ downtimeLimitMs: 1000 }), (progress) => void seen.push(progress));
    expect(result).toMatchObject({ outcome: 'moved', runner: 'destination', reason: '' });
    await machines.untilSaid('b', /^verified/, machines.console('b').length);
    await machines.ask('b', 'stop');
    expect(said('a')).toEqual([]);
    expect(said('b')).toEqual([]);
    compareImages(from, to);
    expect(
      readFileSync(to)
        .subarray(DATA_AT, DATA_AT + DATA_BYTES)
        .equals(data),
    ).toBe(true);
    // Holes stay holes.
    expect(statSync(to).blocks * 512).toBeLessThan(DATA_BYTES + 4 * MIB);
    expect(await machines.leftIn('a')).toEqual([]);
    expect(await machines.leftIn('b')).toEqual([]);
    expect(await machines.tunnels()).toEqual([]);
  });
});
