import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePlan } from '../../../migrate/src/xmigrate/plan-file.js';
import { SAMPLE_PLAN } from '../../../migrate/src/xmigrate/sample-plan.js';

const parse = (text: string) => parsePlan(text, 'vms.yaml', '/plans');
const HEAD = `defaults: { sourceHost: 127.0.0.1:1, destinationHost: 127.0.0.1:2, sourceState: a, destinationState: b, bandwidth: 10M }\n`;
const ONE = `vms:\n  - { vm: vm1, sourceQmp: x.qmp, destinationQmp: /y.qmp }\n`;

describe('a plan of several moves', () => {
  it('is parsed as it is printed, also with every line that is a comment in it', async () => {
    expect(await parse(SAMPLE_PLAN)).toMatchObject({ concurrency: 2, onFailure: 'stop', order: 'listed' });
    const all = await parse(SAMPLE_PLAN.replaceAll(/^( +)# (?=\w+:)/gm, '$1'));
    expect(all.moves).toHaveLength(2);
    expect(all.moves[0]).toMatchObject({
      vm: 'web1',
      timeout: 600,
      bandwidth: 50 << 20,
      watch: [resolve('/plans/run/R1.ctl')],
      name: 'web1.xia',
    });
    expect(all.moves[1]).toMatchObject({ vm: 'db1', downtimeLimit: 100, maxDowntime: 2000, adapt: true });
  });

  it('fills in defaults, and reads paths from its own folder', async () => {
    const { moves, ...rest } = await parse(HEAD + ONE);
    expect(rest).toEqual({ concurrency: 1, order: 'listed', onFailure: 'stop' });
    expect(moves[0]).toMatchObject({ sourceQmp: resolve('/plans/x.qmp'), destinationQmp: '/y.qmp', sourceState: resolve('/plans/a') });
    expect(moves[0]).toMatchObject({ bandwidth: 10 << 20, adapt: true });
  });

  it('attaches by UNIX sockets beside it', async () => {
    const { moves } = await parse(HEAD.replace('127.0.0.1:1', 'unix:run/a.sock').replace('127.0.0.1:2', 'unix:/b.sock') + ONE);
    expect(moves[0]).toMatchObject({ sourceHost: `unix:${resolve('/plans/run/a.sock')}`, destinationHost: 'unix:/b.sock' });
  });

  it('has a standby for all VMs, or for one', async () => {
    const head = HEAD.replace('{ ', '{ sourceStandby: run/a.sock, ');
    const { moves } = await parse(`${head}${ONE}  - { vm: vm2, sourceQmp: u, destinationQmp: w, destinationStandby: /b.sock }\n`);
    const standbys = moves.map(({ sourceStandby, destinationStandby }) => [sourceStandby, destinationStandby]);
    expect(standbys).toEqual([
      [resolve('/plans/run/a.sock'), undefined],
      [resolve('/plans/run/a.sock'), '/b.sock'],
    ]);
    await expect(parse(`${head.replace('{ ', '{ qemuStream: exec, ')}${ONE}`)).rejects.toThrow(/vms\[0\]: a standby goes with/);
  });

  it.each([
    [
      'an unknown key',
      `${HEAD}vms:\n  - vm: vm1\n    sourceQmp: x\n    destinationQmp: y\n    downtime: 3\n`,
      'vms.yaml:6:5: vms[0].downtime: unknown key',
    ],
    ['an unknown key of the defaults', `defaults: { sourceHosts: x }\n${ONE}`, 'vms.yaml:1:13: defaults.sourceHosts: unknown key'],
    ['what is missing', ONE, 'vms[0]: sourceHost, destinationHost, sourceState, destinationState: missing'],
    [
      'a VM that is there twice',
      `${HEAD}${ONE}  - { vm: vm1, sourceQmp: u, destinationQmp: w }\n`,
      'vms.yaml:4:5: vms[1]: vm1 is there twice',
    ],
    ['a size that is none', `${HEAD.replace('10M', 'much')}${ONE}`, 'defaults.bandwidth: A size from'],
    ['an address that is none', `${HEAD.replace('127.0.0.1:1', 'here')}${ONE}`, 'defaults.sourceHost: '],
    ['a socket without a path', `${HEAD.replace('127.0.0.1:1', "'unix:'")}${ONE}`, 'defaults.sourceHost: '],
    ['a guest that is none', `${HEAD}vms:\n  - { vm: v, sourceQmp: x, destinationQmp: y, guest: 7 }\n`, 'vms[0].guest: '],
    ['no VM', `${HEAD}vms: []\n`, 'vms: '],
    ['a name that is a path', `${HEAD}${ONE.replace('vm1', '../vm1')}`, 'vms[0].vm: '],
  ])('refuses %s, with line and path', async (_what, text, words) => {
    await expect(parse(text)).rejects.toMatchObject({ code: 'bad-config', message: expect.stringContaining(words) });
  });
});
