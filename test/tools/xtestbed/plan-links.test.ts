import { describe, expect, it } from 'vitest';
import { parseYaml } from 'xia-core';
import { linkPortCount, planLinks } from '../../../tools/src/xtestbed/plan-links.js';
import type { Underlay } from '../../../tools/src/xtestbed/underlay.js';
import { topologySchema, withLinks, type Topology } from '../../../tools/src/xtestbed/topology.js';

const topology = (links: string): Promise<Topology> =>
  parseYaml(
    `name: t\nrouters: { R1: { ad: A }, R2: { ad: B }, R3: { ad: C } }\nhosts: { H: { router: R1 } }\nlinks: ${links}\n`,
    't.yaml',
    topologySchema,
  );

function planned(links: Topology['links'], underlay: Underlay = 'udp') {
  let port = 100;
  const plan = planLinks(links, { underlay, nextAddress: () => `h:${port++}`, socketDir: '/s', logDir: '/l' });
  expect(port - 100).toBe(linkPortCount(links, underlay));
  return plan;
}

const udp = (listen: string, peer: string) => ({ udp: { listen, peers: [peer] } });

describe('the links of a testbed', () => {
  it('lead from router to router', async () => {
    const { ends, nodes } = planned((await topology('[{ between: [R1, R2], mtu: 9000, cost: 20 }]')).links);
    expect(nodes).toEqual([]);
    expect(Object.fromEntries(ends)).toEqual({
      R1: [{ other: 'R2', sockets: udp('h:100', 'h:101'), mtu: 9000, cost: 20 }],
      R2: [{ other: 'R1', sockets: udp('h:101', 'h:100'), mtu: 9000, cost: 20 }],
    });
  });

  it('have a socket each that the first router listens on, where they are UNIX sockets, but for emulated ones', async () => {
    const { links } = await topology('[[R1, R2], { between: [R3, R1], mtu: 9000 }, { between: [R2, R3], emulated: wan }]');
    const { ends, nodes } = planned(links, 'unix');
    expect(
      Object.fromEntries([...ends].map(([router, all]) => [router, all.map(({ other, sockets, mtu }) => ({ other, sockets, mtu }))])),
    ).toEqual({
      R1: [
        { other: 'R2', sockets: { unix: { listen: '/s/R1~R2.sock' } }, mtu: 65_507 },
        { other: 'R3', sockets: { unix: { peers: ['/s/R3~R1.sock'] } }, mtu: 9000 },
      ],
      R2: [
        { other: 'R1', sockets: { unix: { peers: ['/s/R1~R2.sock'] } }, mtu: 65_507 },
        { other: 'R3', sockets: udp('h:100', 'h:102'), mtu: 1472 },
      ],
      R3: [
        { other: 'R1', sockets: { unix: { listen: '/s/R3~R1.sock' } }, mtu: 9000 },
        { other: 'R2', sockets: udp('h:101', 'h:103'), mtu: 1472 },
      ],
    });
    expect(nodes.map(({ name }) => name)).toEqual(['R2~R3']);
  });

  it('lead through a process where they are emulated, with packets of an Ethernet frame', async () => {
    const { ends, nodes } = planned((await topology("[[R2, R3], { between: [R1, R2], emulated: 'wan  loss=1%' }]")).links);
    expect(ends.get('R1')).toEqual([{ other: 'R2', sockets: udp('h:102', 'h:104'), mtu: 1472, cost: 10 }]);
    expect(ends.get('R2')?.[1]).toEqual({ other: 'R1', sockets: udp('h:103', 'h:105'), mtu: 1472, cost: 10 });
    expect(nodes).toMatchObject([{ name: 'R1~R2', kind: 'link', control: '/s/R1~R2.ctl', logFile: '/l/R1~R2.out' }]);
    const args = nodes[0]?.args?.join(' ');
    expect(args).toContain('run --a h:102 --b h:103 --listen-a h:104 --listen-b h:105');
    expect(args).toMatch(/--seed 2 .*--set wan loss=1%$/);
  });

  it('are all emulated on demand, but for those that are already', async () => {
    const { links } = withLinks(await topology('[[R2, R3], { between: [R1, R2], emulated: lan }]'), 'wan');
    expect(links.map(({ emulated }) => emulated)).toEqual(['wan', 'lan']);
    const none = await topology('[]');
    expect(() => withLinks(none, 'nowhere')).toThrow('no link is called "nowhere"');
    await expect(topology('[{ between: [R1, R2], emulated: nowhere }]')).rejects.toThrow(
      /t\.yaml:4:\d+: links\[?0?.*no link is called "nowhere"/,
    );
  });
});
