import { describe, expect, it } from 'vitest';
import { findingText } from '../../../migrate/src/checks/index.js';
import { parseDisks, type DiskFacts } from '../../../migrate/src/disk/disk-facts.js';
import { planDisks, type DiskPair, type DiskPlanInput, type PairSurroundings } from '../../../migrate/src/disk/disk-plan.js';
import { storageOf } from '../../../migrate/src/disk/disk-storage.js';

const MIB = 1024 ** 2;

function disk(filename: string, extra: Partial<DiskFacts> = {}): DiskFacts {
  return {
    name: 'disk0',
    qdev: '/machine/peripheral/vd0/virtio-backend',
    device: '',
    nodeName: 'disk0',
    isReadOnly: false,
    format: 'raw',
    sizeBytes: 64 * MIB,
    allocatedBytes: 10 * MIB,
    filename,
    storage: storageOf(filename),
    ...extra,
  };
}

const room = (freeBytes: number) => ({ fileSystem: '1', freeBytes });

function plan(input: Partial<DiskPlanInput> & { surroundings?: PairSurroundings }) {
  const { surroundings = { isSameFile: false, room: room(1024 * MIB) }, ...rest } = input;
  return planDisks({
    mode: 'auto',
    sharedStorage: false,
    source: [disk('/a.img')],
    destination: [disk('/b.img')],
    canBlock: false,
    look: () => surroundings,
    ...rest,
  });
}

describe('which disks are copied', () => {
  it('copies a local one by nbd unless told otherwise', () => {
    expect(plan({})).toMatchObject({
      method: 'nbd',
      left: [],
      faults: [],
      pairs: [{ source: { filename: '/a.img' }, destination: { filename: '/b.img' } }],
    });
  });

  it('asks for nothing where there is nothing, or nothing that could be written', () => {
    expect(plan({ source: [], destination: [] })).toMatchObject({ method: 'none', left: [], faults: [] });
    const left = [{ name: 'disk0', reason: 'read-only' }];
    expect(plan({ source: [disk('/a.img', { isReadOnly: true })], destination: [] })).toMatchObject({ method: 'none', left, faults: [] });
  });

  it('looks at nothing when told not to', () => {
    expect(plan({ mode: 'none', destination: [] })).toEqual({ method: 'none', pairs: [], left: [], needs: [], faults: [] });
  });

  it('leaves what is shared: by the operator, the same file, the same address of a server', () => {
    const shared = { method: 'none', left: [{ name: 'disk0', reason: 'shared' }], faults: [] };
    expect(plan({ sharedStorage: true, destination: [] })).toMatchObject(shared);
    expect(plan({ destination: [disk('/a.img')], surroundings: { isSameFile: true, room: room(0) } })).toMatchObject(shared);
    expect(plan({ source: [disk('rbd:p/i')], destination: [disk('rbd:p/i')] })).toMatchObject(shared);
  });

  it('copies between two addresses of servers, which may be two images', () => {
    expect(plan({ source: [disk('rbd:p/i')], destination: [disk('rbd:p/j')] })).toMatchObject({ method: 'nbd', faults: [] });
  });

  it('copies the one and leaves the other', () => {
    const second = { qdev: '/machine/peripheral/vd1/virtio-backend', nodeName: 'disk1', name: 'disk1' };
    const outcome = plan({ source: [disk('/a.img'), disk('rbd:p/i', second)], destination: [disk('rbd:p/i', second), disk('/b.img')] });
    expect(outcome).toMatchObject({ method: 'nbd', pairs: [{ source: { name: 'disk0' } }], left: [{ name: 'disk1', reason: 'shared' }] });
  });

  it('matches by the device of the machine, then by the name of the drive, then of the node', () => {
    const named = (qdev: string, device: string, nodeName: string) => disk('/b.img', { qdev, device, nodeName });
    const counterpart = (source: DiskFacts, destination: DiskFacts[]) => plan({ source: [source], destination }).pairs[0]?.destination;
    const [byDevice, byDrive, byNode] = [named('/x', 'other', 'c'), named('/y', 'drive', '#block1'), named('/z', '', 'n')];
    expect(counterpart(named('/x', 'drive', 'n'), [byNode, byDrive, byDevice])).toBe(byDevice);
    expect(counterpart(named('/0', 'drive', 'n'), [byNode, byDrive])).toBe(byDrive);
    expect(counterpart(named('/0', '', 'n'), [byDrive, byNode])).toBe(byNode);
    // QEMU's own numbers mean nothing.
    expect(plan({ source: [named('/0', '', '#block1')], destination: [byDrive] }).faults[0]?.what).toContain('no disk for');
  });
});

describe('what cannot be copied', () => {
  it.each<[string, Partial<DiskPlanInput> & { surroundings?: PairSurroundings }]>([
    ['destination: it has no disk for disk0', { destination: [] }],
    ['disk0 is smaller there', { destination: [disk('/b.img', { sizeBytes: 63 * MIB })] }],
    ['disk0 is larger there', { destination: [disk('/b.img', { sizeBytes: 65 * MIB })] }],
    ['destination: disk0 is read-only', { destination: [disk('/b.img', { isReadOnly: true })] }],
    [
      'the file system of /b.img has 9 MB free, 10 MB more will be taken (disk0); free 2 MB there',
      { destination: [disk('/b.img', { allocatedBytes: MIB })], surroundings: { isSameFile: false, room: room(8 * MIB) } },
    ],
    ['absolute paths', { source: [disk('a.img')], destination: [disk('a.img')], surroundings: { isSameFile: undefined, room: undefined } }],
    ['onto itself', { mode: 'nbd', surroundings: { isSameFile: true, room: undefined } }],
    ['onto itself', { mode: 'nbd', source: [disk('rbd:p/i')], destination: [disk('rbd:p/i')] }],
    ['not in both QEMUs', { mode: 'block' }],
    ['drive name that is the same', { mode: 'block', canBlock: true }],
  ])('says that it %s', (words, input) => {
    expect(plan(input).faults.map(findingText).join('; ')).toContain(words);
  });

  it('counts what the image at the destination has already', () => {
    const surroundings = { isSameFile: false, room: room(MIB) };
    expect(plan({ destination: [disk('/b.img', { allocatedBytes: 9 * MIB })], surroundings }).faults).toEqual([]);
    expect(plan({ source: [disk('/a.img', { allocatedBytes: undefined })], surroundings }).faults).toHaveLength(1);
  });

  it('sums what goes to one file system, and only that', () => {
    const second = { qdev: '/machine/peripheral/vd1/virtio-backend', nodeName: 'disk1', name: 'disk1' };
    const disks = { source: [disk('/a.img'), disk('/c.img', second)], destination: [disk('/b.img'), disk('/d/d.img', second)] };
    const empty = { destination: disks.destination.map((one) => ({ ...one, allocatedBytes: 0 })) };
    const surroundings = { isSameFile: false, room: room(15 * MIB) };
    const [found, ...more] = plan({ ...disks, ...empty, surroundings }).faults.map(findingText);
    expect(found).toBe(
      'destination: the file system of /b.img has 16 MB free, 21 MB more will be taken (disk0 11 MB, disk1 11 MB); ' +
        'free 6 MB there, or put an image elsewhere',
    );
    expect(more).toEqual([]);
    const look = ({ destination }: DiskPair) => ({
      isSameFile: false,
      room: { fileSystem: destination.filename.startsWith('/d') ? '2' : '1', freeBytes: 15 * MIB },
    });
    expect(plan({ ...disks, ...empty, look }).faults).toEqual([]);
  });

  it('gives every reason at once', () => {
    const destination = [disk('/b.img', { sizeBytes: 1, isReadOnly: true })];
    expect(plan({ destination }).faults).toHaveLength(2);
  });
});

describe("QEMU's block migration", () => {
  it('takes drives that have a name', () => {
    const input = {
      mode: 'block',
      canBlock: true,
      source: [disk('/a.img', { device: 'd' })],
      destination: [disk('/b.img', { device: 'd' })],
    } as const;
    expect(plan(input)).toMatchObject({ method: 'block', faults: [] });
  });
});

describe('what query-block says', () => {
  const inserted = (ro: boolean, nodeName: string) => ({
    'node-name': nodeName,
    ro,
    drv: 'qcow2',
    image: { filename: '/x.qcow2', format: 'qcow2', 'virtual-size': 1000, 'actual-size': 200 },
  });

  it('is read for disks of the machine', () => {
    const answer = [
      { device: 'd1', qdev: '/machine/peripheral/vd1/virtio-backend', inserted: inserted(false, '#block1'), more: 1 },
      { device: '', qdev: '/machine/peripheral-anon/device[0]/virtio-backend', inserted: inserted(true, 'disk0') },
      { device: 'cd', qdev: '/machine/x', removable: true },
      { device: 'unused', inserted: inserted(false, '#block2') },
      { device: 'pflash0', qdev: '/machine/system.flash0', inserted: inserted(false, '#block3') },
    ];
    expect(parseDisks(answer)).toEqual([
      expect.objectContaining({
        name: 'd1',
        device: 'd1',
        nodeName: '#block1',
        isReadOnly: false,
        format: 'qcow2',
        sizeBytes: 1000,
        allocatedBytes: 200,
      }),
      expect.objectContaining({
        name: 'disk0',
        device: '',
        isReadOnly: true,
        storage: { kind: 'local', path: '/x.qcow2', isAbsolute: true },
      }),
    ]);
  });

  it('is an error when it is something else', () => {
    expect(() => parseDisks([{ device: 1 }])).toThrow(expect.objectContaining({ code: 'qmp-error' }));
  });
});
