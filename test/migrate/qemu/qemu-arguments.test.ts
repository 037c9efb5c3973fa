import { describe, expect, test } from 'vitest';
import { qemuArguments, type QemuArguments } from '../../../migrate/src/qemu/qemu-arguments.js';
import { parseVersion } from '../../../migrate/src/qemu/qemu-version.js';

const files = { qmpSocket: '/r/qmp.sock', launcherSocket: '/r/launcher.sock', serialLog: '/r/serial.log', pidFile: '/r/qemu.pid' };
const debian = { major: 7, minor: 2, micro: 22 };
const network = { path: '/r/net.sock', mac: '52:54:00:00:00:01' };
const machine: QemuArguments = { name: 'vm', accelerator: 'tcg', memoryMb: 640, network };

/** What follows each occurrence of an option. */
const values = (args: string[], option: string) => args.flatMap((arg, at) => (arg === option ? [args[at + 1]] : []));

describe('qemuArguments', () => {
  test('describes the same devices with and without a boot', () => {
    const boot = { kernel: '/k', initrd: '/i', kernelArguments: ['x=1'], configFile: '/c,d' };
    const source = qemuArguments({ ...machine, boot }, files, debian);
    const destination = qemuArguments({ ...machine, incoming: true, paused: true }, files, debian);
    for (const option of ['-machine', '-cpu', '-m', '-device', '-netdev', '-smp', '-object']) {
      expect(values(destination, option)).toEqual(values(source, option));
    }
    expect(values(source, '-fw_cfg')).toEqual(['name=opt/xia/config,file=/c,,d']);
    expect(values(source, '-append')[0]).toMatch(/console=ttyS0 .* x=1$/);
    expect(values(destination, '-incoming')).toEqual(['defer']);
    expect(destination).toContain('-S');
  });

  test('leaves one monitor to others', () => {
    expect(values(qemuArguments(machine, files, debian), '-qmp')).toEqual([
      'unix:/r/launcher.sock,server=on,wait=off',
      'unix:/r/qmp.sock,server=on,wait=off',
    ]);
  });

  test('reconnects the network in the words of the QEMU that is there', () => {
    const netdev = (major: number, minor: number) => values(qemuArguments(machine, files, { major, minor, micro: 0 }), '-netdev')[0];
    expect(netdev(7, 2)).toBe('stream,id=net0,server=off,addr.type=unix,addr.path=/r/net.sock');
    expect(netdev(8, 2)).toMatch(/,reconnect=1$/);
    expect(netdev(9, 1)).toMatch(/,reconnect=1$/);
    expect(netdev(9, 2)).toMatch(/,reconnect-ms=200$/);
    expect(netdev(10, 0)).toMatch(/,reconnect-ms=200$/);
  });

  test.each([
    ['memory', { ...machine, memoryMb: 1.5 }],
    ['socket path', { ...machine, network: { ...network, path: `/${'x'.repeat(107)}` } }],
    ['MAC', { ...machine, network: { ...network, mac: '52:54:00' } }],
    ['MTU', { ...machine, network: { ...network, mtu: 70_000 } }],
  ])('refuses a bad %s', (_what, options) => {
    expect(() => qemuArguments(options, files, debian)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });

  test('reads versions', () => {
    expect(parseVersion('QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright')).toEqual(debian);
    expect(parseVersion('something else')).toBeUndefined();
  });
});
