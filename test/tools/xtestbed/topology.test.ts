import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parseYaml, type XiaError } from 'xia-core';
import { adRoutes, builtInTopologies, loadTopology, topologySchema } from '../../../tools/src/xtestbed/topology.js';

async function fault(text: string): Promise<string> {
  try {
    await parseYaml(text, 't.yaml', topologySchema);
  } catch (error) {
    return (error as XiaError).message;
  }
  return 'no fault';
}

const base = 'name: t\nrouters:\n  R1: { ad: AD1 }\n  R2: { ad: AD2 }\nhosts:\n  A: { router: R1 }\n';

describe('topology files', () => {
  it.each(builtInTopologies)('%s is built in', async (name) => {
    const topology = await loadTopology(name);
    expect(topology.name).toBe(name);
    expect(topology.hosts['HOST_A']?.vms).toEqual(['vm0']);
    expect(topology.nameserver).toEqual({ host: 'HOST_A' });
  });

  it('fills in defaults', async () => {
    expect(await parseYaml(`${base}links: [[R1, R2]]`, 't.yaml', topologySchema)).toMatchObject({
      links: [{ a: 'R1', b: 'R2', mtu: 65_507, cost: 10 }],
      routing: 'link-state',
      beacon: { intervalMs: 100, lifetimeMs: 1000 },
      hosts: { A: { vms: [], mtu: 65_507 } },
    });
  });

  it.each([
    ['colour: red', 't.yaml:7:1: colour: unknown key'],
    ['links: [[R1, R9]]', 't.yaml:7:9: links[0]: there is no router R9'],
    ['links: [[R1, R1]]', 'links[0]: a link has two different ends'],
    ['links: [[R1, R2], [R2, R1]]', 'links[1]: R2 and R1 are linked already'],
    ['nameserver: { host: B }', 't.yaml:7:21: nameserver.host: there is no host B'],
  ])('refuses %s', async (line, message) => {
    expect(await fault(`${base}${line}\n`)).toContain(message);
  });

  it('refuses two routers in an AD with static routing, hosts of no router, and a name twice', async () => {
    expect(await fault(`${base.replace('AD2', 'AD1')}links: [[R1, R2]]`)).toBe('no fault');
    expect(await fault(`${base.replace('AD2', 'AD1')}routing: static`)).toContain('routers.R2.ad: AD1 has the router R1 already');
    expect(await fault(base.replace('router: R1', 'router: R7'))).toContain('t.yaml:6:16: hosts.A.router: there is no router R7');
    expect(await fault(base.replace('  A:', '  R1:'))).toContain('hosts.R1: a router has this name');
  });

  it('says which topologies there are', async () => {
    await expect(loadTopology('outer-ad')).rejects.toMatchObject({ code: 'bad-config', message: expect.stringContaining('inter-ad') });
  });
});

describe('docs/tools.md', () => {
  it('shows a topology that is valid', async () => {
    const text = await readFile(new URL('../../../docs/tools.md', import.meta.url), 'utf8');
    const example = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
    const topology = await parseYaml(example, 'docs/tools.md', topologySchema);
    expect(adRoutes(topology).get('R1')?.get('AD3')).toBe('R2');
  });
});

describe('adRoutes', () => {
  it('finds the next router on a shortest way, and none where there is no way', async () => {
    const text = `name: t
routers: { R1: { ad: A1 }, R2: { ad: A2 }, R3: { ad: A3 }, R4: { ad: A4 }, R5: { ad: A5 } }
hosts: { H: { router: R1 } }
links: [[R1, R2], [R2, R3], [R3, R4], [R4, R1]]
`;
    const routes = adRoutes(await parseYaml(text, 't.yaml', topologySchema));
    expect(Object.fromEntries(routes.get('R1') ?? [])).toEqual({ A2: 'R2', A3: 'R2', A4: 'R4' });
    expect(Object.fromEntries(routes.get('R3') ?? [])).toEqual({ A2: 'R2', A4: 'R4', A1: 'R2' });
    expect(routes.get('R5')?.size).toBe(0);
  });

  it('knows one way to an AD with two routers, and none to a router of the own one', async () => {
    const routes = adRoutes(await loadTopology('ring'));
    expect(Object.fromEntries(routes.get('R1A') ?? [])).toEqual({ AD2: 'R2', AD3: 'R1B' });
    expect(Object.fromEntries(routes.get('R2') ?? [])).toEqual({ AD1: 'R1A', AD3: 'R3' });
  });
});
