import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { controlCall, Dag, generateIdentity, PrincipalType, Xid, XiaNode, type XiaError } from 'xia-core';
import { encodeXip, NextHeader } from '../../xia-core/src/wire/index.js';
import { bareSocket, startRouter, until, type RunningRouter } from './running-router.js';

const STEADY_AD = `AD:${'2'.repeat(40)}`;
const TURNING_AD = `AD:${'3'.repeat(40)}`;
const LOOPBACK = '127.0.0.1:0';
/** Datagrams under way at most, of each of two kinds. */
const WINDOW = 32;

const reload = (router: RunningRouter, params = {}) =>
  controlCall(join(router.folder, 'R.ctl'), 'reload', params) as Promise<{ changes: { text: string }[] }>;
const texts = async (router: RunningRouter, params = {}) => (await reload(router, params)).changes.map(({ text }) => text);
const show = (router: RunningRouter, what: string) =>
  controlCall(join(router.folder, 'R.ctl'), 'show', { what }) as Promise<Record<string, unknown>[]>;

const ACCESS = `control: R.ctl\nrouting: { enabled: false }\nfaces:\n  - { name: access, role: access, udp: { listen: '${LOOPBACK}' } }\n`;

describe('a router under load', () => {
  it('loses no datagram while its configuration turns', async () => {
    const [left, steady, one, other] = await Promise.all([bareSocket(), bareSocket(), bareSocket(), bareSocket()]);
    const received = { steady: new Set<number>(), turning: new Set<number>(), byOne: 0, byOther: 0 };
    const number = (bytes: Buffer) => bytes.readUInt32BE(bytes.length - 4);
    steady.socket.on('message', (bytes) => received.steady.add(number(bytes)));
    one.socket.on('message', (bytes) => received.turning.add(number(bytes)) && received.byOne++);
    other.socket.on('message', (bytes) => received.turning.add(number(bytes)) && received.byOther++);
    const face = (name: string, peers: string, more = '') =>
      `  - { name: ${name}, role: peer, udp: { listen: '${LOOPBACK}', peers: [${peers}] }${more} }\n`;
    const routes = (via: string) => `routes:\n  - { to: '${STEADY_AD}', via: steady }\n  - { to: '${TURNING_AD}', via: ${via} }\n`;
    const base = ACCESS + face('left', `'${left.address}'`);
    const stable = face('steady', `'${steady.address}'`);
    const variants = [
      base + stable + face('one', `'${one.address}'`) + routes('one'),
      // Turned to a face that was not there before.
      base +
        stable +
        face('one', `'${one.address}'`) +
        face('other', `'${other.address}'`) +
        routes('other') +
        'cache: { bytes: 1000000 }\n',
      // The first one goes, an MTU and a peer change.
      base + face('steady', `'${steady.address}'`, ', mtu: 9000') + face('other', `'${other.address}', '127.0.0.1:9'`) + routes('other'),
      base + stable + face('one', `'${one.address}'`) + routes('one') + 'log: { level: warn, file: R.log }\nmoves: { limit: 9 }\n',
    ];
    const router = await startRouter(variants[0]!);
    const [host, port] = (router.line.faces['left'] ?? '').split(':');
    const source = Dag.parse(`RE AD:${'9'.repeat(40)} HID:${'9'.repeat(40)}`);
    const packets = [STEADY_AD, TURNING_AD].map((ad) =>
      encodeXip({
        nextHeader: NextHeader.XCMP,
        destination: Dag.parse(`RE ${ad} HID:${'8'.repeat(40)}`),
        source,
        payload: new Uint8Array(200),
      }),
    );
    let sent = 0;
    let isOver = false;
    const generating = (async () => {
      while (!isOver) {
        // It paces itself: never more under way than the sockets hold, and at every turn of the event loop what that allows.
        for (; sent - Math.min(received.steady.size, received.turning.size) < WINDOW; sent++) {
          for (const packet of packets) {
            const bytes = Buffer.from(packet);
            bytes.writeUInt32BE(sent, bytes.length - 4);
            left.socket.send(bytes, Number(port), host);
          }
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    let reloads = 0;
    for (let round = 0; round < 5; round++) {
      for (const variant of [...variants.slice(1), variants[0]!]) {
        await router.configure(variant);
        expect((await reload(router)).changes.length).toBeGreaterThan(0);
        reloads++;
        const seen = sent;
        await until(
          () => sent > seen + 50,
          () => `${sent} sent at reload ${reloads}, received ${received.steady.size} and ${received.turning.size}`,
        );
      }
    }
    isOver = true;
    await generating;
    await until(
      () => received.steady.size === sent && received.turning.size === sent,
      () => `sent ${sent} to each, lost ${sent - received.steady.size} and ${sent - received.turning.size}`,
    );
    expect(reloads).toBe(20);
    expect(Math.min(received.byOne, received.byOther)).toBeGreaterThan(100);
  });
});

describe('a reload', () => {
  it('changes the peers of a UNIX face where it is, and opens another for another path', async () => {
    const [one, other] = [await startRouter(ACCESS), await startRouter(ACCESS)];
    for (const router of [one, other]) {
      await router.configure(`${ACCESS}  - { name: left, role: peer, unix: { listen: left.sock } }\n`);
      expect(await texts(router)).toHaveLength(1);
    }
    const socket = (router: RunningRouter) => join(router.folder, 'left.sock');
    const linked = (peers: RunningRouter[], name = 'own') =>
      `${ACCESS}  - { name: right, role: peer, unix: { listen: ${name}.sock, peers: [${peers.map(socket).join(', ')}] } }\n`;
    const router = await startRouter(linked([one]));
    const right = async (of = router) => {
      const faces = (await show(of, 'faces')) as unknown as {
        id: number;
        name: string;
        address: string;
        details: { connected: number };
        neighbours: { address: string }[];
      }[];
      return faces.find(({ name }) => name !== 'access')!;
    };
    const connections = async () => Promise.all([one, other].map(async (of) => (await right(of)).details.connected));
    const { id } = await right();
    const isLinked = async (expected: string) =>
      until(
        async () => String(await connections()) === expected,
        () => `not ${expected}`,
      );
    await isLinked('1,0');

    await router.configure(linked([one, other]));
    expect(await texts(router)).toEqual([
      `faces.right.unix.peers: ${JSON.stringify([socket(one)])} -> ${JSON.stringify([one, other].map(socket))}`,
    ]);
    await isLinked('1,1');
    await router.configure(linked([other]));
    expect(await texts(router)).toHaveLength(1);
    await isLinked('0,1');
    expect(await right()).toMatchObject({ id, neighbours: [{ address: `unix:${socket(other)}` }] });

    await router.configure(linked([other], 'new'));
    expect(await texts(router)).toEqual([
      `faces.right.unix.listen: ${join(router.folder, 'own.sock')} -> ${join(router.folder, 'new.sock')}`,
    ]);
    expect((await right()).id).not.toBe(id);
    await isLinked('0,1');

    // The file of another kind that is in the way is left, and so is everything else.
    await writeFile(join(router.folder, 'taken.sock'), 'precious');
    await router.configure(linked([one], 'taken'));
    await expect(reload(router)).rejects.toMatchObject({
      message: expect.stringMatching(/taken\.sock: a file that is not a socket.*everything is as it was/),
    });
    expect(await readFile(join(router.folder, 'taken.sock'), 'utf8')).toBe('precious');
    await isLinked('0,1');
  });

  it('says what would change, changes it, and then finds nothing to do', async () => {
    const router = await startRouter(ACCESS);
    const changes = ['cache.bytes: 0 -> 1000', 'cache.policy: s3-fifo -> lru'];
    await router.configure(`${ACCESS}cache: { bytes: 1000, policy: lru }\n`);
    expect(await texts(router, { dryRun: true })).toEqual(changes);
    expect(await router.logged('reloaded')).toEqual([]);
    expect(await texts(router)).toEqual(changes);
    expect(await texts(router)).toEqual([]);
    expect((await router.logged('reloaded')).map((line) => line['changes'])).toEqual([changes, []]);
    expect(await show(router, 'cache')).toMatchObject({ budgetBytes: 1000 });
  });

  it('happens on a hangup as well', async () => {
    const router = await startRouter(ACCESS);
    await router.configure(`${ACCESS}moves: { limit: 7 }\n`);
    expect(router.hangups.deliver()).toBe(true);
    await until(
      async () => (await router.logged('reloaded')).length > 0,
      () => 'reloaded',
    );
    expect((await router.logged('reloaded'))[0]).toMatchObject({ changes: ['moves.limit: 5 -> 7'] });
  });

  it('waits for the start, when the hangup comes before', async () => {
    const router = await startRouter(ACCESS, (hangups) => void hangups.deliver());
    await until(
      async () => (await router.logged('reloaded')).length > 0,
      () => 'reloaded',
    );
    expect((await router.logged('reloaded'))[0]).toMatchObject({ changes: [] });
  });

  it('refuses a bad file with its line, and goes on', async () => {
    const router = await startRouter(ACCESS);
    await writeFile(router.file, 'name: R\nrole: router\nfaecs: []\n');
    await expect(reload(router)).rejects.toMatchObject({
      code: 'bad-config',
      message: expect.stringContaining(`${router.file}:3:1: faecs: unknown key`),
    });
    expect((await router.logged('reload refused'))[0]).toMatchObject({
      level: 50,
      code: 'bad-config',
      reason: expect.stringContaining('R.yaml:3:1: faecs'),
    });
    expect(await show(router, 'faces')).toHaveLength(1);
  });

  it('refuses what needs a restart, and all of the rest with it', async () => {
    const router = await startRouter(ACCESS);
    await router.configure(`${ACCESS}cache: { bytes: 1000 }\n`);
    await writeFile(router.file, (await readFile(router.file, 'utf8')).replace('name: R', 'name: S'));
    await expect(reload(router)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('name: R -> S: this needs a restart'),
    });
    expect(await show(router, 'cache')).toMatchObject({ budgetBytes: 0 });
  });

  it('is undone when an address is in use', async () => {
    const taken = await bareSocket();
    const router = await startRouter(`${ACCESS}routes: [{ to: '${STEADY_AD}', via: access }]\n`);
    const before = await Promise.all([show(router, 'routes'), show(router, 'cache')]);
    const clashing = `  - { name: free, role: peer, udp: { listen: '${LOOPBACK}' } }\n  - { name: taken, role: peer, udp: { listen: '${taken.address}' } }\n`;
    await router.configure(`${ACCESS}${clashing}routes: [{ to: '${STEADY_AD}', via: free }]\ncache: { bytes: 1000 }\n`);
    const refused = (await reload(router).catch((error: unknown) => error)) as XiaError;
    expect(refused.code).toBe('address-in-use');
    expect(refused.message).toContain('everything is as it was');
    expect(await Promise.all([show(router, 'routes'), show(router, 'cache')])).toEqual(before);
    expect((await show(router, 'faces')).map(({ name }) => name)).toEqual(['access']);
  });

  it('opens the log anew, even if the configuration is bad', async () => {
    const router = await startRouter(ACCESS);
    await rename(join(router.folder, 'R.log'), join(router.folder, 'R.log.1'));
    await writeFile(router.file, 'bad');
    await expect(reload(router)).rejects.toMatchObject({ code: 'bad-config' });
    expect(await router.logged('reload refused')).toHaveLength(1);
    expect(await readFile(join(router.folder, 'R.log.1'), 'utf8')).not.toContain('refused');
  });

  it('takes a renewed certificate over, and no other', async () => {
    const router = await startRouter(ACCESS);
    await using host = await XiaNode.start({
      faces: [{ name: 'up', role: 'uplink', udp: { listen: LOOPBACK, peers: [router.line.faces['access']!] } }],
    });
    await router.certify(router.adIdentity, Date.now() + 2 * 86_400_000);
    expect(await texts(router)).toEqual([expect.stringContaining('ad.certificate')]);
    expect(host.attachment).toBeDefined();
    await router.certify(generateIdentity(), Date.now() + 86_400_000);
    await expect(reload(router)).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('ad.certificate') });
    await writeFile(join(router.folder, 'R.cert'), 'rubbish');
    await expect(reload(router)).rejects.toMatchObject({ code: 'bad-key' });
  });

  it('serves another control socket, and answers on the old one still', async () => {
    const router = await startRouter(ACCESS);
    await router.configure(ACCESS.replace('R.ctl', 'S.ctl'));
    expect(await texts(router)).toEqual([expect.stringMatching(/^control: .*R\.ctl -> .*S\.ctl$/)]);
    await expect(reload(router)).rejects.toMatchObject({ code: 'control-unreachable' });
    expect(await controlCall(join(router.folder, 'S.ctl'), 'info')).toMatchObject({ name: 'R' });
  });

  it('adds and removes principal types, but none that is routed', async () => {
    const foreign = `FOREIGN:${'4'.repeat(40)}`;
    const router = await startRouter(ACCESS);
    const typed = (code: string) => `principals: { FOREIGN: ${code} }\n${ACCESS}`;
    await router.configure(`${typed('0x99')}routes: [{ to: '${foreign}', via: access }]\n`);
    await reload(router);
    expect((await show(router, 'routes')).map(({ type }) => type)).toContain('FOREIGN');
    await router.configure(ACCESS);
    expect(await texts(router)).toHaveLength(2);
    // The name is free for another code now; a file that is refused leaves none behind.
    await router.configure(`${typed('0x9a')}colour: red\n`);
    await expect(reload(router)).rejects.toMatchObject({ code: 'bad-config' });
    await router.configure(typed('0x9b'));
    expect(await texts(router)).toEqual(['principals: {} -> {"FOREIGN":155}']);
    expect(Xid.tryParse(foreign)).toMatchObject({ type: 0x9b });
    await router.configure(ACCESS);
    await reload(router);
    expect(Xid.tryParse(foreign)).not.toBeInstanceOf(Xid);
    expect(Object.values(PrincipalType)).not.toContain(0x9b);
  });
});
