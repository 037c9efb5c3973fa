import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generateIdentity, XiaNode, type FaceConfig } from 'xia-core';
import { run, until } from './programs.js';
import { useTestbed } from './testbed.js';

interface Place {
  readonly name: string;
  readonly hid: string;
  readonly access?: string;
}

/** Seconds, on a machine that does much else: the test is over when it has seen what it waits for. */
const PATIENCE_MS = 20_000;

describe('a machine that moves over a ring of real routers', () => {
  const testbed = useTestbed('ring');
  let vm: XiaNode | undefined;
  let old = '';
  afterAll(async () => vm?.close());

  const state = async (): Promise<{ readonly nodes: Place[]; readonly ads: Record<string, string> }> =>
    JSON.parse(await readFile(join(testbed.path, 'testbed.json'), 'utf8'));
  const places = async (): Promise<Place[]> => (await state()).nodes;
  const uplink = async (name: string): Promise<FaceConfig> => {
    const { access } = (await places()).find((place) => place.name === name)!;
    return { name, role: 'uplink', udp: { listen: '127.0.0.1:0', peers: [access!] } };
  };
  /** The names of the nodes that xtraceroute finds. */
  const trace = async (...options: string[]): Promise<string[]> => {
    const traced = await testbed.on('HOST_B', 'xtraceroute', '--json', ...options, old);
    expect(traced.code, traced.stdout + traced.stderr).toBe(0);
    const known = [...(await places()), { name: 'VM', hid: String(vm!.hid) }];
    return traced.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; from?: string })
      .filter(({ type }) => type === 'hop')
      .map(({ from }) => known.find(({ hid }) => from?.includes(hid))?.name ?? '*');
  };
  const counter = async (router: string, name: string): Promise<number> => {
    const shown = await run('xrouter', ['show', 'counters', '--json', '--config', testbed.config(router)]);
    return JSON.parse(shown.stdout).mobility[name] ?? 0;
  };

  it('is reached by the shortest way before', async () => {
    vm = await XiaNode.start({ identity: generateIdentity(), faces: [await uplink('HOST_A')] });
    old = vm.dag().toString();
    await vm.register('vm.ring.xia');
    expect(await trace()).toEqual(['HOST_B', 'R2', 'R1A', 'HOST_A', 'VM']);
  });

  it('is reached at its old address by a detour, which ends with the first redirect', async () => {
    const { reconfigure } = vm!;
    await reconfigure.addFace(await uplink('HOST_D'));
    await reconfigure.removeFace(reconfigure.faceId('HOST_A')!);
    const { AD3 } = (await state()).ads;
    await until(() => String(vm!.ad) === AD3, PATIENCE_MS, 'the machine is in the other AD');
    await until(async () => (await counter('R1A', 'patch:accepted')) > 0, PATIENCE_MS, 'the old router knows the way');
    // All probes leave at once, before an answer can come.
    const between = expect.stringMatching(/^R(1B|2)$/);
    expect(await trace('-f', '-q', '1')).toEqual(['HOST_B', 'R2', 'R1A', between, 'R3', 'HOST_D', 'VM']);
    expect(await counter('R1A', 'redirect:sent')).toBe(1);
    // One after the other: the first that get past the old router are answered by a redirect, and the next go straight on.
    expect(await trace()).toEqual(['HOST_B', 'R2', 'R1A', between, 'VM']);
  });

  it('leaves nothing to the old router once a correspondent has heard', async () => {
    const sent = await counter('R1A', 'redirect:sent');
    const ping = await testbed.on('HOST_B', 'xping', '--json', '--interval-ms', '10', '-c', '100', old);
    expect(ping.code, ping.stderr).toBe(0);
    expect(JSON.parse(ping.stdout.trim().split('\n').at(-1)!)).toMatchObject({ received: 100 });
    // One is enough; on a busy machine another may leave before the first was read.
    const told = (await counter('R1A', 'redirect:sent')) - sent;
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(5);
  });

  it('is at its new address for those who ask by its name', async () => {
    old = 'vm.ring.xia';
    expect(await trace()).toEqual(['HOST_B', 'R2', 'R3', 'HOST_D', 'VM']);
  });
});
