import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesNaming, run, temporaryFolder } from '../../e2e/programs.js';

describe('a virtual machine in a testbed', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const xtestbed = async (...args: string[]) =>
    run('xtestbed', args, { env: { XTESTBED_DIR: join(folder.path, 't') }, timeoutMs: 280_000 });

  beforeAll(async () => {
    folder = await temporaryFolder();
    expect(await xtestbed('up', 'inter-ad')).toMatchObject({ code: 0, stderr: '' });
  });
  afterAll(async () => {
    await xtestbed('down');
    await folder.remove();
  });

  it('boots, stands, waits for another, and ends with the network', async () => {
    const booted = await xtestbed('boot', 'HOST_A', '--name', 'mine.xia', '--memory-load', '5', '--json');
    expect(booted, booted.stderr).toMatchObject({ code: 0, stderr: '' });
    const vm = JSON.parse(booted.stdout) as { host: string; pid: number; qmp: string; serial: string };
    expect(vm.host).toBe('HOST_A');
    expect((await stat(join(folder.path, 't', 'vm', 'HOST_A', 'qmp.sock'))).ino).toBe((await stat(vm.qmp)).ino);
    const counter = await xtestbed('exec', 'HOST_C', '--', 'xcal', 'counter', '--json', 'mine.xia');
    expect(JSON.parse(counter.stdout)).toMatchObject({ answers: 0 });

    expect(await xtestbed('boot', 'HOST_A')).toMatchObject({ code: 5, stderr: expect.stringContaining(`process ${vm.pid}`) });
    expect(await xtestbed('boot', 'HOST_C')).toMatchObject({ code: 2, stderr: expect.stringContaining('no place') });
    const waiting = await xtestbed('boot', 'HOST_B', '--incoming');
    expect(waiting, waiting.stderr).toMatchObject({ code: 0 });
    const { vms } = (await xtestbed('status', '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; vms: Record<string, string> })
      .find(({ name }) => name === 'HOST_B')!;
    expect((await stat(vms['vm0'] ?? '')).isSocket()).toBe(true);
    expect((await xtestbed('status')).stdout).toContain(`vm0=${vms['vm0']}`);

    expect(await xtestbed('down')).toMatchObject({ code: 0, stderr: '' });
    expect(await processesNaming(join(vm.qmp, '..', '..'))).toEqual([]);
    expect(await readFile(join(folder.path, 't', 'logs', 'HOST_A.serial.log'), 'utf8')).toContain('"guest":"ready"');
  });
});
