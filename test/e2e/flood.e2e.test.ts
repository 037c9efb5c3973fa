import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { PrincipalType, SeededRandom, Xid, type Gauge } from 'xia-core';
import { imbalances, type NodeCounters } from '../simulation/accounts.js';
import { floods, type Prey } from '../simulation/floods.js';
import { run } from './programs.js';
import { useTestbed } from './testbed.js';

const SOCKETS = 8;
const PACKETS_A_TICK = 40;
const TICK_MS = 10;
const PINGS = 200;
/** More than the process has before it, and far less than what was sent at it would need. */
const MOST_GROWTH_BYTES = 150 * 1024 * 1024;

describe('a router that is flooded', () => {
  const { config, node, on } = useTestbed('inter-ad');
  const ofRouter = (...args: string[]) => run('xrouter', [...args, '-c', config('R1')]);
  const rssBytes = async () => (JSON.parse((await ofRouter('info')).stdout) as { rssBytes: number }).rssBytes;

  it('goes on carrying the echoes of others, keeps its bounds, and counts every packet once', async () => {
    const router = JSON.parse((await ofRouter('info')).stdout) as { ad: string; hid: string };
    const target = JSON.parse((await run('xrouter', ['info', '-c', config('HOST_B')])).stdout) as {
      ad: string;
      dag: string;
    };
    const rng = new SeededRandom(1);
    const ad = Xid.parse(router.ad);
    const hid = Xid.parse(router.hid);
    const beacon = { ad, hid, token: rng.bytes(16) };
    const prey: Prey = {
      rng,
      ad,
      router: hid,
      service: { ad: Xid.parse(target.ad), hid: Xid.parse(node('HOST_B').hid), sid: new Xid(PrincipalType.SID, rng.bytes(20)) },
      beacon: () => beacon as never,
    };
    const kinds = Object.values(floods);
    const [host = '', port = ''] = node('R1').access!.split(':');
    const before = await rssBytes();
    // Each socket is another neighbour of the router.
    const sockets = Array.from({ length: SOCKETS }, () => createSocket('udp4').bind(0, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'listening')));
    let sent = 0;
    const flooding = setInterval(() => {
      for (let count = 0; count < PACKETS_A_TICK; count++) {
        sockets[sent % SOCKETS]!.send(kinds[sent % kinds.length]!(prey), Number(port), host);
        sent++;
      }
    }, TICK_MS);
    const args = ['--json', '--interval-ms', '10', '-c', `${PINGS}`, target.dag];
    const ping = await on('HOST_C', 'xping', ...args);
    clearInterval(flooding);
    for (const socket of sockets) socket.close();
    expect(ping.code, ping.stderr).toBe(0);
    const summary = JSON.parse(ping.stdout.trim().split('\n').at(-1)!) as { sent: number; lost: number };
    expect(sent).toBeGreaterThan(2000);
    expect(summary.sent).toBe(PINGS);
    // A machine that is busy with other things may lose one.
    expect(summary.lost).toBeLessThanOrEqual(PINGS / 50);
    const counters = JSON.parse((await ofRouter('show', 'counters', '--json')).stdout) as NodeCounters;
    expect(imbalances(counters)).toEqual([]);
    expect(counters['xcmp']!['errorsLimited'], 'it was a flood').toBeGreaterThan(0);
    const bounds = JSON.parse((await ofRouter('show', 'bounds', '--json')).stdout) as Gauge[];
    expect(bounds.filter(({ used, highWater, bound }) => !(used <= highWater && highWater <= bound))).toEqual([]);
    expect((await rssBytes()) - before).toBeLessThan(MOST_GROWTH_BYTES);
  });
});
