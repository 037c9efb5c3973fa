import { describe, expect, it } from 'vitest';
import { run, until } from './programs.js';
import { testbedState, useTestbed } from './testbed.js';

/** The goal is a second; machines that run tests beside much else stall for longer than that. */
const LONGEST_GAP_MS = 3000;

interface Reply {
  readonly type: string;
  readonly sequence: number;
}

describe('a ring of real routers', () => {
  const testbed = useTestbed('ring');
  const { config } = testbed;
  const show = async (node: string, what: string): Promise<Record<string, unknown>[]> => {
    const shown = await run('xrouter', ['show', what, '--json', '--config', config(node)]);
    expect(shown.code, shown.stderr).toBe(0);
    return JSON.parse(shown.stdout);
  };
  const adOf = (name: string) => testbedState(testbed.path).ads[name];

  it('has found every way when it is up, and shows what it knows', async () => {
    for (const router of ['R1A', 'R1B', 'R2', 'R3']) {
      const known = new Set((await show(router, 'routes')).map(({ xid }) => xid));
      for (const ad of ['AD1', 'AD2', 'AD3']) expect(known, `${router} to ${ad}`).toContain(adOf(ad));
    }
    const ways = await show('R1A', 'routes');
    const ad3 = adOf('AD3');
    expect(ways.find(({ xid }) => xid === ad3)).toMatchObject({ next: 'R2/1', source: 'link-state', cost: 20 });
    expect(await show('R1A', 'neighbours')).toEqual([
      expect.objectContaining({ state: 'up', cost: 10 }),
      expect.objectContaining({ state: 'up', cost: 10 }),
    ]);
    const routers = new Set((await show('R1A', 'lsdb')).map(({ router }) => router));
    expect(routers.size).toBe(4);
    for (const what of ['neighbours', 'lsdb', 'routes']) {
      const shown = await run('xrouter', ['show', what, '--config', config('R1A')]);
      expect(shown.code, shown.stderr).toBe(0);
      expect(shown.stdout.split('\n').length).toBeGreaterThan(2);
    }
  });

  it('goes on after the death of a router on the way', async () => {
    const [target, onTheWay] = [testbed.node('HOST_D'), testbed.node('R2')];
    const address = `RE ${adOf('AD3')} ${target.hid}`;
    const ping = testbed.begin('HOST_A', 'xping', '--json', '--interval-ms', '20', address);
    const replies = (): Reply[] =>
      ping
        .output()
        .split('\n')
        .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Reply] : []))
        .filter(({ type }) => type === 'reply');
    await until(() => replies().length >= 50, 20_000, 'echoes come back');
    process.kill(onTheWay.process.pid, 'SIGKILL');
    const killedAt = replies().at(-1)!.sequence;
    const later = () => replies().filter(({ sequence }) => sequence > killedAt + 50);
    await until(() => later().length >= 50, 20_000, 'echoes come back again');
    ping.child.kill('SIGINT');
    expect(await ping.ended, ping.output()).toBe(130);
    const sequences = replies().map(({ sequence }) => sequence);
    const gaps = sequences.slice(1).map((sequence, index) => 20 * (sequence - sequences[index]!));
    const longestMs = Math.max(...gaps);
    process.stdout.write(`echoes stopped for ${longestMs} ms when the router died\n`);
    expect(longestMs).toBeGreaterThan(100);
    expect(longestMs).toBeLessThan(LONGEST_GAP_MS);
    const ad3 = adOf('AD3');
    expect((await show('R1A', 'routes')).find(({ xid }) => xid === ad3)).toMatchObject({ next: 'R1B/1', source: 'link-state', cost: 30 });
  });
});
