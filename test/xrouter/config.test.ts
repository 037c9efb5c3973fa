import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadNodeConfig } from '../../xrouter/src/xrouter/config.js';
import { hostSample, routerSample } from '../../xrouter/src/xrouter/sample.js';
import { temporaryFolder } from './support.js';

async function configFile(text: string): Promise<{ folder: string; file: string }> {
  const folder = await temporaryFolder();
  const file = join(folder, 'R1.yaml');
  await writeFile(file, text);
  return { folder, file };
}

const NEIGHBOUR = 'HID:3000000000000000000000000000000000000003';
/** The router's sample with its Ethernet face, which is a comment there, and the route by it. */
const withEthernet = routerSample
  .replaceAll(/^# ( *)(- name: eth0|  role: peer|  ethernet:|    (?:listen|peers|mac|xarp|neighbours):)/gm, '  $1$2')
  .replace('via: r2 }', `via: eth0, nextHop: '${NEIGHBOUR}' }`);

/** The router's sample with the faces on UNIX sockets that are comments there. */
const withUnix = routerSample.replaceAll(/^# - \{ name: (local|r3),/gm, '  - { name: $1,');

const FOREIGN = `FOREIGN:${'4'.repeat(40)}`;

describe('the configuration of a node', () => {
  it('is what the samples say, with paths beside the file', async () => {
    const router = await configFile(routerSample);
    const loaded = await loadNodeConfig(router.file);
    expect(loaded).toMatchObject({ name: 'R1', role: 'router', key: join(router.folder, 'keys/R1.key') });
    expect(loaded.faces[1]?.cost).toBe(10);
    expect(loaded.routing).toEqual({ enabled: true, helloMs: 150, deadMs: 600 });
    const host = await configFile(hostSample);
    const { faces, principals } = await loadNodeConfig(host.file);
    expect(faces[2]?.netdev).toEqual({ path: join(host.folder, 'run/vm0.sock') });
    expect(principals).toEqual({});
  });

  it('may come through a pipe', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'pipe.yaml');
    await promisify(execFile)('mkfifo', [file]);
    const [config] = await Promise.all([loadNodeConfig(file), writeFile(file, hostSample)]);
    expect(config.name).toBe('HOST_A');
  });

  it('knows the principal types that it adds in its own routes', async () => {
    const { file } = await configFile(`principals: { FOREIGN: 0x99 }\n${routerSample.replace(/to: '[^']*'/, `to: '${FOREIGN}'`)}`);
    const { principals, routes } = await loadNodeConfig(file);
    expect(principals).toEqual({ FOREIGN: 0x99 });
    expect(routes.map(({ to }) => to.toString())).toEqual([FOREIGN]);
  });

  it('has Ethernet faces, as the sample says behind its comment signs', async () => {
    const { file } = await configFile(withEthernet);
    const { faces, routes } = await loadNodeConfig(file);
    expect(faces[2]).toMatchObject({ name: 'eth0', ethernet: { peers: ['127.0.0.1:7203'], mac: '02:00:00:00:00:01', xarp: true } });
    expect(faces[2]!.ethernet!.neighbours.map(({ xid }) => xid.toString())).toEqual([NEIGHBOUR]);
    expect(routes.map(({ nextHop }) => nextHop?.toString())).toEqual([NEIGHBOUR]);
  });

  it('has faces on UNIX sockets, with paths beside the file', async () => {
    const { folder, file } = await configFile(withUnix);
    const { faces } = await loadNodeConfig(file);
    expect(faces.slice(2).map(({ name, role, unix }) => ({ name, role, unix }))).toEqual([
      { name: 'local', role: 'access', unix: { listen: join(folder, 'run/R1.sock'), peers: [] } },
      { name: 'r3', role: 'peer', unix: { peers: [join(folder, '../R3/run/to-R1.sock')] } },
    ]);
  });

  it.each([
    [
      'a next hop on a UDP face',
      routerSample.replace('via: r2 }', `via: r2, nextHop: '${NEIGHBOUR}' }`),
      /R1\.yaml:\d+:\d+: routes.*Ethernet/,
    ],
    [
      'a next hop that may not be asked for',
      withEthernet.replace(/xarp: true.*/, 'xarp: false').replace(/neighbours: .*/, 'neighbours: []'),
      /R1\.yaml:\d+:\d+: routes.*XARP/,
    ],
    ['the MAC address of a group', withEthernet.replace('02:00:00:00:00:01', '03:00:00:00:00:01'), /ethernet\.mac: .*one station/],
    ['a neighbour that is no HID', withEthernet.replace(/xid: 'HID/, "xid: 'AD"), /neighbours\[0\]\.xid: a HID is needed/],
    [
      'two kinds of face in one',
      withEthernet.replace('  ethernet:', '  udp: { listen: 127.0.0.1:7109 }\n    ethernet:'),
      /faces\[2\].*exactly one/,
    ],
    [
      'a UNIX face without a path',
      withUnix.replace(/unix: \{ listen[^}]*\}/, 'unix: {}'),
      /faces\[2\]\.unix: .*"listen", "peers", or both/,
    ],
    [
      'a UNIX face that is its own peer',
      withUnix.replace('listen: run/R1.sock', 'listen: run/R1.sock, peers: [run/R1.sock]'),
      /faces\[2\]\.unix: .*no peer of its own/,
    ],
    [
      'a peer that is there twice',
      withUnix.replace('peers: [../R3/run/to-R1.sock]', 'peers: [a.sock, b.sock, a.sock]'),
      /faces\[3\]\.unix: .*"peers" is there twice/,
    ],
    ['an empty path', withUnix.replace('listen: run/R1.sock', "listen: ''"), /faces\[2\]\.unix\.listen: /],
    [
      'a UNIX face with UDP',
      withUnix.replace('unix: { listen', 'udp: { listen: 127.0.0.1:7109 }, unix: { listen'),
      /faces\[2\].*exactly one/,
    ],
    ['an MTU that leaves no room for the header', withEthernet.replace('  ethernet:', '  mtu: 65507\n    ethernet:'), /faces\[2\].*65493/],
  ])('refuses %s', async (_what, text, message) => {
    const { file } = await configFile(text);
    await expect(loadNodeConfig(file)).rejects.toMatchObject({ code: 'bad-config', message: expect.stringMatching(message) });
  });

  it.each([
    [
      'faces',
      'a face that listens nowhere',
      routerSample.replace('127.0.0.1:7101', 'nowhere'),
      /R1\.yaml:\d+:\d+: faces\[0\]\.udp\.listen: .*nowhere/,
    ],
    ['routes', 'a route to a type that nobody added', routerSample.replace("'AD:2", "'0x98:2"), /R1\.yaml:\d+:\d+: routes.*principals/],
    ['routing', 'timers', routerSample.replace('deadMs: 600', 'deadMs: 200'), /R1\.yaml:\d+:\d+: routing: "deadMs" is at least twice/],
    [
      'costs',
      'one of an access face',
      routerSample.replace('role: access', 'role: access\n    cost: 3'),
      /R1\.yaml:\d+:\d+: faces\[0\]: only a face with the role "peer" has a "cost"/,
    ],
    ['principals', 'a code that is taken', `principals: { MINE: 0x10 }\n${routerSample}`, /R1\.yaml:1:\d+: principals: .*taken/],
  ])('says where %s are wrong: %s', async (_key, _what, text, message) => {
    const { file } = await configFile(text);
    await expect(loadNodeConfig(file)).rejects.toMatchObject({ code: 'bad-config', message: expect.stringMatching(message) });
  });

  it('says that the file cannot be read', async () => {
    const file = join(await temporaryFolder(), 'none.yaml');
    await expect(loadNodeConfig(file)).rejects.toMatchObject({ code: 'bad-config', message: `${file}: cannot be read (ENOENT)` });
  });
});
