import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { QmpClient } from '../../migrate/src/qemu/qmp-client.js';
import { prefaultAdvice, queryMemdevs } from '../../migrate/src/run/index.js';
import { BareMachines, stateOf } from '../migrate/support/bare-machines.js';
import { run } from './programs.js';
import { useTestbed } from './testbed.js';

const network = useTestbed('intra-ad');
const TIMEOUT_MS = 120_000;

async function isPrefaulted(path: string): Promise<boolean> {
  await using qmp = await QmpClient.connect({ path });
  return prefaultAdvice(await queryMemdevs(qmp)).isPrefaulted;
}

it('a plan is refused as a whole, tried, and moves two VMs', async () => {
  const machines = new BareMachines();
  const [a1, a2, b1, b2] = await Promise.all([
    machines.start('a1'),
    machines.start('a2'),
    machines.start('b1', '-incoming', 'defer'),
    machines.start('b2', '-incoming', 'defer'),
  ]);
  const [from, to] = [network.node('HOST_A'), network.node('HOST_B')];
  const plan = (second: string) => {
    const file = join(machines.folder, 'vms.yaml');
    writeFileSync(
      file,
      `concurrency: 2
defaults: { sourceHost: ${from.access}, destinationHost: ${to.access}, sourceState: state-a, destinationState: state-b, prefault: true }
vms:
  - { vm: one, sourceQmp: a1.qmp, destinationQmp: b1.qmp }
  - { vm: two, sourceQmp: a2.qmp, destinationQmp: ${second} }
`,
    );
    return file;
  };

  const refused = await run('xmigrate', ['run', '--plan', plan('nobody.qmp')], { timeoutMs: TIMEOUT_MS });
  expect(refused).toMatchObject({
    code: 5,
    stdout: '',
    stderr: expect.stringContaining('FAULT   two: destination: there is no QMP socket'),
  });
  expect(refused.stderr).toContain('no VM was touched');
  expect(await Promise.all([a1, a2, b1].map(stateOf))).toEqual(['running', 'running', 'inmigrate']);

  const file = plan('b2.qmp');
  const tried = await run('xmigrate', ['run', '--plan', file, '--dry-run'], { timeoutMs: TIMEOUT_MS });
  expect(tried, tried.stderr).toMatchObject({ code: 0 });
  expect(tried.stdout).toMatch(/plan for one\n {2}machine {3}33\.6 MB.*\n {2}QEMU[^\n]*\n {2}way .* round trip [\d.]+ ms.* MB\/s measured/);
  expect(tried.stdout).toMatch(/steps +1\. the destination's memory is touched\n/);
  expect(await Promise.all([a1, a2, b1, b2].map(stateOf))).toEqual(['running', 'running', 'inmigrate', 'inmigrate']);
  expect(await Promise.all([b1, b2].map(isPrefaulted))).toEqual([false, false]);

  const moved = await run('xmigrate', ['run', '--plan', file], { timeoutMs: TIMEOUT_MS });
  expect(moved, moved.stderr).toMatchObject({ code: 0 });
  expect(moved.stdout).toMatch(/VM +end +total time +downtime +update time +why\none +moved +[\d.]+ s +\d+ ms +-\ntwo +moved/);
  expect(moved.stderr).toMatch(/one {2}prefaulted\n/);
  expect(await Promise.all([a1, a2, b1, b2].map(stateOf))).toEqual(['postmigrate', 'postmigrate', 'running', 'running']);
  expect(await Promise.all([b1, b2].map(isPrefaulted))).toEqual([true, true]);
});
