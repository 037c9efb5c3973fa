import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { binary, run, temporaryFolder } from '../../e2e/programs.js';

interface Direction {
  readonly packets: number;
  readonly delivered: number;
  readonly dropped: Record<string, number>;
}

interface Summary {
  readonly aToB: Direction;
  readonly bToA: Direction;
  readonly strangers: number;
  readonly missed: number;
}

const HOST = '127.0.0.1';
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function endpoint(): Promise<Socket> {
  const socket = createSocket('udp4');
  cleanups.push(() => socket.close());
  socket.bind(0, HOST);
  await once(socket, 'listening');
  return socket;
}

const portOf = (address: string) => Number(address.split(':')[1]);

/** A link between two sockets; `end` stops it and gives its summary. */
async function startLink(...options: readonly string[]) {
  const [a, b] = [await endpoint(), await endpoint()];
  const args = ['--a', `${HOST}:${a.address().port}`, '--b', `${HOST}:${b.address().port}`, '--json', ...options];
  const child = spawn(process.execPath, [binary('xlink'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanups.push(() => child.kill('SIGKILL'));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string) as unknown;
  const ready = (await next()) as { ready: boolean; a: string; b: string };
  expect(ready.ready).toBe(true);
  const ports = { a: portOf(ready.a), b: portOf(ready.b) };
  const received: Buffer[] = [];
  b.on('message', (bytes) => received.push(bytes));
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    const exited = once(child, 'exit');
    child.kill(signal);
    const summary = (await next()) as Summary;
    const [code] = (await exited) as [number];
    return { summary, code };
  };
  return { a, b, ports, received, end };
}

type Link = Awaited<ReturnType<typeof startLink>>;

/** Sends numbered datagrams from a to b, a few at a time so that nothing is lost outside of the emulation. */
async function sendNumbers(link: Link, count: number): Promise<number[]> {
  for (let number = 0; number < count; number++) {
    const bytes = Buffer.alloc(100);
    bytes.writeUInt32LE(number);
    link.a.send(bytes, link.ports.a, HOST);
    if (number % 20 === 19) await delay(2);
  }
  await delay(300);
  return link.received.map((bytes) => bytes.readUInt32LE());
}

describe('xlink', () => {
  it('loses the share it is told, the same packets with the same seed', async () => {
    const [count, share] = [2000, 0.2];
    const [one, other] = [await startLink('--set', 'loss=20%', '--seed', '5'), await startLink('--set', 'loss=20%', '--seed', '5')];
    const arrived = [await sendNumbers(one, count), await sendNumbers(other, count)];
    const { summary } = await one.end();
    expect(summary).toMatchObject({ missed: 0, strangers: 0, aToB: { packets: count, delivered: arrived[0]!.length } });
    const { dropped } = summary.aToB;
    expect(dropped['loss']).toBe(count - arrived[0]!.length);
    // Five standard deviations of a binomial distribution.
    expect(Math.abs(dropped['loss']! - count * share)).toBeLessThan(5 * Math.sqrt(count * share * (1 - share)));
    expect(arrived[1]).toEqual(arrived[0]);
  });

  it('delays each direction by its own time', async () => {
    const link = await startLink('--a-to-b', 'delay=20ms', '--b-to-a', 'delay=40ms');
    link.b.on('message', (bytes) => link.b.send(bytes, link.ports.b, HOST));
    const trips: number[] = [];
    for (let probe = 0; probe < 20; probe++) {
      const back = once(link.a, 'message');
      const sentMs = performance.now();
      link.a.send('probe', link.ports.a, HOST);
      await back;
      trips.push(performance.now() - sentMs);
    }
    const fastest = Math.min(...trips);
    expect(fastest).toBeGreaterThan(59.9);
    expect(fastest).toBeLessThan(70);
  });

  it('lets packets of the MTU pass, IP and UDP headers counted, and no larger ones', async () => {
    const link = await startLink('--set', 'mtu=1500');
    for (const bytes of [1472, 1473, 9000]) link.a.send(Buffer.alloc(bytes), link.ports.a, HOST);
    await delay(300);
    expect(link.received.map(({ length }) => length)).toEqual([1472]);
    expect((await link.end()).summary.aToB.dropped).toMatchObject({ tooLarge: 2 });
  });

  it('drops packets with a flipped bit, or hands them on where that is asked for', async () => {
    const [dropping, keeping] = [await startLink('--set', 'corrupt=100%'), await startLink('--set', 'corrupt=100%', '--keep-corrupted')];
    for (const link of [dropping, keeping]) link.a.send(Buffer.alloc(100), link.ports.a, HOST);
    await delay(300);
    expect(dropping.received).toEqual([]);
    expect((await dropping.end()).summary.aToB.dropped).toMatchObject({ corrupt: 1 });
    const ones = [...keeping.received[0]!].flatMap((byte) => [...byte.toString(2)].filter((bit) => bit === '1'));
    expect(ones).toHaveLength(1);
  });

  it('is dark for as long as it is told', async () => {
    const link = await startLink('--set', 'blackout=500ms/400ms');
    const sentMs: number[] = [];
    for (let number = 0; number < 70; number++) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(number);
      sentMs.push(performance.now());
      link.a.send(bytes, link.ports.a, HOST);
      await delay(20);
    }
    const arrived = new Set(link.received.map((bytes) => bytes.readUInt32LE()));
    const lost = sentMs.map((_, number) => number).filter((number) => !arrived.has(number));
    const [first, last] = [lost[0]!, lost.at(-1)!];
    expect(lost).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index));
    expect(sentMs[last]! - sentMs[first]!).toBeLessThan(450);
    expect(sentMs[last + 1]! - sentMs[first - 1]!).toBeGreaterThan(350);
    expect((await link.end()).summary.aToB.dropped['blackout']).toBe(lost.length);
  });

  it('is shown, changed, cut and mended while it runs', async () => {
    const folder = await temporaryFolder();
    const control = join(folder.path, 'link.ctl');
    const link = await startLink('--preset', 'lan', '--control', control);
    const ask = async (...args: string[]) => {
      const ended = await run('xlink', [args[0]!, '--control', control, ...args.slice(1)]);
      expect(ended.code, ended.stderr).toBe(0);
      return ended.stdout;
    };
    const arrives = async () => {
      const before = link.received.length;
      link.a.send('packet', link.ports.a, HOST);
      await delay(200);
      return link.received.length > before;
    };
    expect(await arrives()).toBe(true);
    await ask('down');
    expect(await arrives()).toBe(false);
    await ask('up');
    expect(await arrives()).toBe(true);
    await ask('set', '--direction', 'a-to-b', 'loss=100%', 'queue=none');
    expect(await arrives()).toBe(false);
    const shown = JSON.parse(await ask('show', '--json')) as Summary & { link: Record<string, string> };
    expect(shown.link).toEqual({ aToB: 'delay=0.1ms rate=1Gbit loss=100%', bToA: 'delay=0.1ms rate=1Gbit queue=512kB' });
    expect(shown.aToB).toMatchObject({ packets: 4, delivered: 2, dropped: { down: 1, loss: 1 } });
    expect(await ask('show')).toContain('a to b: 4 packets, 2 delivered');
    const refused = await run('xlink', ['set', '--control', control, 'nonsense']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('no link is called "nonsense"') });
    expect((await link.end('SIGINT')).code).toBe(130);
    expect((await run('xlink', ['show', '--control', control])).code).toBe(4);
    await folder.remove();
  });

  it('takes packets of its two ends only', async () => {
    const link = await startLink();
    const stranger = await endpoint();
    stranger.send('packet', link.ports.a, HOST);
    await delay(200);
    const { summary, code } = await link.end();
    expect(link.received).toEqual([]);
    expect(summary).toMatchObject({ strangers: 1, aToB: { packets: 0 } });
    expect(code).toBe(143);
  });

  it('leaves with the exit code of the table', async () => {
    const taken = `${HOST}:${(await endpoint()).address().port}`;
    const ends = ['--a', `${HOST}:1`, '--b', `${HOST}:2`];
    const codes = await Promise.all([
      run('xlink', ['--a', `${HOST}:1`]),
      run('xlink', ['--a', 'nowhere', '--b', `${HOST}:2`]),
      run('xlink', [...ends, '--preset', 'perfect']),
      run('xlink', [...ends, '--set', 'loss=200%']),
      run('xlink', [...ends, '--listen-a', taken]),
      run('xlink', ['presets', '--json']),
    ]);
    expect(codes.map(({ code }) => code)).toEqual([2, 2, 2, 2, 1, 0]);
    expect(codes.map(({ stderr }) => stderr.includes('    at '))).toEqual(Array.from({ length: 6 }, () => false));
  });
});
