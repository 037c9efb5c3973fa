import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  controlCall,
  generateIdentity,
  Hangups,
  hostDag,
  loadOrCreateIdentity,
  PrincipalType,
  sealCertificate,
  serviceDag,
  SID_NAME_SERVICE,
  XiaNode,
  xidOf,
} from 'xia-core';
import { configFromOptions } from '../../xnameserver/src/xnameserver/config.js';
import { runDaemon, type ReadyLine } from '../../xnameserver/src/xnameserver/daemon.js';
import { listRecords, recordLine } from '../../xnameserver/src/xnameserver/list.js';
import { temporaryFolder } from './support.js';

const LOOPBACK = '127.0.0.1:0';

/** Starts the daemon and waits for its ready line; `stop` ends it and waits for that, too. */
async function startDaemon(folder: string, access: string): Promise<{ line: ReadyLine; stop: () => Promise<void> }> {
  const stopper = new AbortController();
  const options = { host: access, data: join(folder, 'data'), control: join(folder, 'names.ctl') };
  const config = { ...configFromOptions(options), log: { level: 'info' as const, file: join(folder, 'names.log') } };
  let running: Promise<void> = Promise.resolve();
  const line = await new Promise<ReadyLine>((resolve, reject) => {
    running = runDaemon(config, stopper.signal, resolve, { load: async () => config, hangups: new Hangups() });
    running.catch(reject);
  });
  const stop = async (): Promise<void> => {
    stopper.abort();
    await running;
  };
  onTestFinished(stop);
  return { line, stop };
}

describe('the name server', () => {
  it('keeps names over a restart, and shows them', async () => {
    const folder = await temporaryFolder();
    // The routers have to know the address before the server is there: its key says what it will be.
    const serverIdentity = await loadOrCreateIdentity(join(folder, 'data', 'nameserver.key'));
    const adIdentity = generateIdentity();
    const routerIdentity = generateIdentity();
    const ad = xidOf(PrincipalType.AD, adIdentity);
    const hid = xidOf(PrincipalType.HID, routerIdentity);
    const nameServer = serviceDag(ad, xidOf(PrincipalType.HID, serverIdentity), SID_NAME_SERVICE);
    await using router = await XiaNode.start({
      identity: routerIdentity,
      role: 'router',
      router: { certificate: sealCertificate({ ad, hid, notBefore: 0, notAfter: Date.now() + 86_400_000 }, adIdentity) },
      nameServer,
      faces: [{ name: 'access', role: 'access', mtu: 65_507, udp: { listen: LOOPBACK } }],
    });
    const access = router.faceAddresses()['access']!;
    const startNode = (): Promise<XiaNode> =>
      XiaNode.start({ faces: [{ name: 'up', role: 'uplink', mtu: 65_507, udp: { listen: LOOPBACK, peers: [access] } }] });
    const first = await startDaemon(folder, access);
    expect(first.line).toMatchObject({ ready: true, name: 'nameserver', ad: ad.toString(), dag: nameServer.toString() });

    await using owner = await startNode();
    const logged = (await readFile(join(folder, 'names.log'), 'utf8')).split('\n').find((text) => text.includes('"listening"')) ?? '';
    expect(logged.match(/"name":/g)).toHaveLength(1);
    expect(JSON.parse(logged)).toMatchObject({ name: 'nameserver', dag: first.line.dag, records: 0 });
    await owner.register('calc.example');
    await using asker = await startNode();
    const dag = hostDag(ad, owner.hid);
    expect(String(await asker.resolve('calc.example'))).toBe(dag.toString());
    await expect(asker.resolve('nobody.example')).rejects.toMatchObject({ code: 'name-not-found' });
    await first.stop();

    const second = await startDaemon(folder, access);
    expect(second.line.hid).toBe(first.line.hid);
    await using late = await startNode();
    expect(String(await late.resolve('calc.example'))).toBe(dag.toString());
    const rows = [];
    for await (const row of listRecords(second.line.control)) rows.push(row);
    expect(rows).toMatchObject([{ name: 'calc.example', dag: dag.toString(), owner: owner.hid.toString() }]);
    expect(recordLine(rows[0]!)).toMatch(/^calc\.example +\d+ s {2}RE /);
    expect(await controlCall(second.line.control, 'info')).toMatchObject({ records: 1, hid: second.line.hid });
    expect(await controlCall(second.line.control, 'counters')).toMatchObject({ nameServer: { 'query:ok': 1 } });
    expect(await controlCall(second.line.control, 'bounds')).toContainEqual(
      expect.objectContaining({ name: 'names', used: 1, bound: 100_000 }),
    );
    await expect(controlCall(second.line.control, 'list', { limit: 0 })).rejects.toMatchObject({ code: 'bad-request' });
    await controlCall(second.line.control, 'stop');
    await second.stop();
  });

  it('says that no host answers', async () => {
    const folder = await temporaryFolder();
    const options = { host: '127.0.0.1:9', data: join(folder, 'data'), control: join(folder, 'c'), attachTimeout: 100 };
    const config = { ...configFromOptions(options), log: { level: 'silent' as const } };
    await expect(
      runDaemon(config, new AbortController().signal, () => {}, { load: async () => config, hangups: new Hangups() }),
    ).rejects.toMatchObject({ code: 'attach-timeout' });
  });
});
