import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrincipalType, Xid, XiaNode, type Dag } from 'xia-core';
import { binary, projectRoot, run, start, temporaryFolder, until } from '../../e2e/programs.js';
import { comparedFields, expectedFields } from './expected-fields.js';
import { startRouterProcess, stopRouterProcess, type RunningRouter } from './running-router.js';
import { tsharkFields } from './tshark.js';

const SID = Xid.of(PrincipalType.SID, '5'.repeat(40));
const jsonLines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

describe('xdump capture from a real router', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let router: RunningRouter;
  let alice: XiaNode;
  let bob: XiaNode;

  beforeAll(async () => {
    folder = await temporaryFolder();
    router = await startRouterProcess(folder.path);
    const attach = () =>
      XiaNode.start({
        faces: [{ name: 'up', role: 'uplink', mtu: 65_507, udp: { listen: '127.0.0.1:0', peers: [router.access] } }],
      });
    alice = await attach();
    bob = await attach();
  });
  afterAll(async () => {
    await alice.close();
    await bob.close();
    await stopRouterProcess(router);
    await folder.remove();
  });

  const ping = async (destination: Dag, hopLimit = 250) => {
    await using echo = alice.echo();
    const answered = once(echo, 'reply');
    echo.send(destination, { sequence: 7, hopLimit });
    await answered;
  };
  /** Starts a capture, and waits until it listens. */
  const capture = async (...args: string[]) => {
    const running = start(process.execPath, [binary('xdump'), 'capture', '-c', router.config, ...args]);
    await until(() => running.output().includes('listening on access'), 20_000, 'xdump listens');
    return running;
  };

  it('shows what comes in as it came, and what leaves, and stops after so many packets', async () => {
    const running = await capture('--json', '--filter', `xcmp host ${bob.hid.toString()}`, '-n', '4', '--face', 'access');
    await ping(bob.dag());
    expect(await running.ended, running.output()).toBe(0);
    const packets = jsonLines(running.output());
    expect(packets).toMatchObject([
      { face: 'access', direction: 'in', hopLimit: 250, upper: { kind: 'echo', sequence: 7 } },
      { face: 'access', direction: 'out', hopLimit: 249, upper: { kind: 'echo', sequence: 7 } },
      { face: 'access', direction: 'in', hopLimit: 250, upper: { kind: 'echo-reply', sequence: 7, checksumValid: true } },
      { face: 'access', direction: 'out', hopLimit: 249, upper: { kind: 'echo-reply' } },
    ]);
    expect(packets[0].neighbour).toBe(packets[3].neighbour);
    expect(packets[0].neighbour).not.toBe(packets[1].neighbour);
    expect(packets[0].destination).toBe(bob.dag().toString());
    expect(Math.abs(packets[0].wallMs - Date.now())).toBeLessThan(60_000);
    expect(running.output()).toContain('4 packets captured, 0 dropped by the daemon');
  });

  it('writes all that passes, which tshark and xdump read alike', async () => {
    const file = join(folder.path, 'all.pcapng');
    const running = await capture('--write', file);
    await ping(bob.dag());
    await ping(bob.dag(), 1);
    await ping(bob.dag(SID));
    const server = await bob.listen(SID);
    const accepted = server.accept();
    const stream = await alice.connect(server.dag);
    (await accepted)?.resume().end();
    stream.end(randomBytes(300_000));
    await once(stream.resume(), 'close');
    const { dag } = bob.publish(randomBytes(200_000));
    await alice.fetch(dag);
    await using socket = bob.datagram();
    const got = once(socket, 'message');
    alice.datagram().send(socket.dag, Buffer.from('a datagram'));
    await got;
    running.child.kill('SIGINT');
    expect(await running.ended, running.output()).toBe(130);
    const captured = Number(/(\d+) packets captured, 0 dropped by the daemon/.exec(running.output())?.[1]);

    const read = await run('xdump', ['read', '--json', file]);
    expect(read.code, read.stderr).toBe(0);
    const packets = jsonLines(read.stdout);
    expect(packets).toHaveLength(captured);
    expect(packets.filter((packet) => 'error' in packet || 'error' in packet.upper)).toEqual([]);
    expect(new Set(packets.map(({ upper }) => upper.protocol))).toEqual(new Set(['xcmp', 'dgram', 'stream', 'chunk']));
    const kinds = new Set(packets.flatMap(({ upper }) => [upper.kind, upper.opcode, upper.message?.kind]));
    for (const kind of ['echo', 'time-exceeded', 'unreachable', 'opening', 'data', 'request', 'response', 'beacon'])
      expect(kinds).toContain(kind);

    const dissected = await tsharkFields(file, [
      ...comparedFields,
      'frame.interface_name',
      'frame.packet_flags_direction',
      '_ws.malformed',
    ]);
    expect(dissected).toHaveLength(captured);
    for (const [index, packet] of packets.entries()) {
      expect(dissected[index]).toEqual({
        ...expectedFields(packet),
        'frame.interface_name': ['access'],
        'frame.packet_flags_direction': [packet.direction === 'in' ? '0x00000001' : '0x00000002'],
        '_ws.malformed': [],
      });
    }
  });

  it('shows text, packet by packet, in a pipe that is closed early', async () => {
    const running = start('sh', [
      '-c',
      `${process.execPath} ${binary('xdump')} capture -c ${router.config} --write - | head -c 40 | wc -c`,
    ]);
    await until(() => running.output().includes('listening on access'), 20_000, 'xdump listens');
    const stopped = { now: false };
    const pinging = (async () => {
      while (!stopped.now) await ping(bob.dag());
    })();
    expect(await running.ended).toBe(0);
    stopped.now = true;
    await pinging;
    expect(running.output()).toMatch(/^40$/m);
    expect(running.output()).not.toMatch(/EPIPE|internal error/);
  });

  it('fills a pipe packet by packet, for who dissects them as they come', async () => {
    const lua = join(projectRoot, 'tools/wireshark/xia.lua');
    const reading = `tshark -r - -l -X lua_script:${lua} -T fields -e frame.packet_flags_direction -e xia.hop_limit`;
    const running = start('sh', [
      '-c',
      `${process.execPath} ${binary('xdump')} capture -c ${router.config} --filter xcmp -n 8 --write - | ${reading}`,
    ]);
    await until(() => running.output().includes('listening on access'), 20_000, 'xdump listens');
    await ping(bob.dag());
    const shown = () => running.output().match(/\t2(49|50)$/gm) ?? [];
    await until(() => shown().length === 4, 20_000, 'tshark has shown four packets while the capture goes on');
    await ping(bob.dag());
    expect(await running.ended, running.output()).toBe(0);
    expect(shown()).toEqual(['\t250', '\t249', '\t250', '\t249', '\t250', '\t249', '\t250', '\t249']);
  });

  it('says what is wrong', async () => {
    const refused = async (...args: string[]) => {
      const { code, stderr } = await run('xdump', ['capture', ...args]);
      return { code, stderr };
    };
    expect(await refused('-c', router.config, '--face', 'nowhere')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"nowhere"'),
    });
    expect(await refused('--control', join(folder.path, 'none.ctl'))).toMatchObject({ code: 4 });
  });

  it('ends with the daemon', async () => {
    const running = await capture('--json');
    const wantsMore = await capture('-n', '1000000');
    await stopRouterProcess(router);
    expect(await running.ended, running.output()).toBe(0);
    expect(await wantsMore.ended, wantsMore.output()).toBe(1);
    expect(running.output()).toMatch(/packets? captured, 0 dropped by the daemon; the daemon has ended/);
  });
});
