import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { collectModules, moduleDependencies } from '../../../migrate/src/guest/kernel-modules.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const module = (...depends: string[]) => Buffer.from(`\x7fELF code depends=no\0license=GPL\0depends=${depends.join(',')}\0name=x\0`);

async function kernel(files: Record<string, Buffer>, builtin: string[]): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'kernel', 'drivers'), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, 'kernel', 'drivers', name), content);
  await writeFile(join(folder, 'modules.builtin'), builtin.map((name) => `kernel/drivers/${name}.ko\n`).join(''));
  return folder;
}

describe('collectModules', () => {
  test('puts each module behind what it depends on, as Debian ships them', async () => {
    const folder = await kernel(
      {
        'virtio.ko': module('virtio_ring'),
        'virtio_ring.ko': module(),
        'virtio_pci.ko': module('virtio_ring', 'virtio-pci-modern-dev', 'virtio'),
        'virtio_pci_modern_dev.ko': module(),
        'failover.ko': module(),
        'net_failover.ko': module('failover'),
        'virtio_net.ko': module('virtio', 'net_failover'),
        'virtio-rng.ko': module('virtio'),
        'qemu_fw_cfg.ko': module(),
        'unrelated.ko': module(),
      },
      [],
    );
    expect((await collectModules(folder)).map(({ name }) => name)).toEqual([
      'virtio_ring',
      'virtio_pci_modern_dev',
      'virtio',
      'virtio_pci',
      'failover',
      'net_failover',
      'virtio_net',
      'qemu_fw_cfg',
      'virtio_rng',
    ]);
  });

  test('leaves out what is built in, and decompresses', async () => {
    const net = module('virtio');
    const folder = await kernel({ 'virtio_net.ko.gz': gzipSync(net) }, ['virtio', 'virtio_pci', 'qemu_fw_cfg']);
    expect(await collectModules(folder)).toEqual([{ name: 'virtio_net', content: net }]);
  });

  test('refuses a kernel without a network card', async () => {
    const folder = await kernel({}, ['virtio_pci']);
    await expect(collectModules(folder)).rejects.toMatchObject({ code: 'guest-build-failed', context: { name: 'virtio_net' } });
  });

  test('reads dependencies from the section of strings only', () => {
    expect(moduleDependencies(module('a-b', 'c'))).toEqual(['a_b', 'c']);
    expect(moduleDependencies(module())).toEqual([]);
    expect(moduleDependencies(Buffer.from('nothing'))).toEqual([]);
  });
});
