import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  controlCall,
  Dag,
  generateIdentity,
  loadOrCreateIdentity,
  PrincipalType,
  sealCertificate,
  XiaNode,
  xidOf,
  type Gauge,
} from 'xia-core';
import { loadNodeConfig } from '../../xrouter/src/xrouter/config.js';
import { runDaemon, type ReadyLine } from '../../xrouter/src/xrouter/daemon.js';
import { viewTable } from '../../xrouter/src/xrouter/view-table.js';
import { temporaryFolder } from './support.js';

const LOOPBACK = '127.0.0.1:0';
const OTHER_AD = `AD:${'2'.repeat(40)}`;
const FOREIGN = `FOREIGN:${'4'.repeat(40)}`;
const MARK = 'to whom it may concern';

/** Runs a router with that much more in its configuration, and ends it after the test. */
async function startRouter(more: (folder: string) => string): Promise<{ line: ReadyLine; folder: string }> {
  const folder = await temporaryFolder();
  const adIdentity = generateIdentity();
  const hid = xidOf(PrincipalType.HID, await loadOrCreateIdentity(join(folder, 'R.key')));
  const notAfter = Date.now() + 86_400_000;
  const certificate = sealCertificate({ ad: xidOf(PrincipalType.AD, adIdentity), hid, notBefore: 0, notAfter }, adIdentity);
  await writeFile(join(folder, 'R.cert'), Buffer.from(certificate).toString('base64'));
  const file = join(folder, 'R.yaml');
  await writeFile(file, `name: R\nrole: router\nkey: R.key\nad: { certificate: R.cert }\nlog: { file: R.log }\n${more(folder)}`);
  const stopper = new AbortController();
  let running: Promise<void> = Promise.resolve();
  onTestFinished(async () => {
    stopper.abort();
    await running;
  });
  const config = await loadNodeConfig(file);
  const line = await new Promise<ReadyLine>((resolve, reject) => {
    running = runDaemon(config, stopper.signal, resolve);
    running.catch(reject);
  });
  return { line, folder };
}

/** A neighbour that tells when the marked packet comes to it. */
async function neighbour(): Promise<{ address: string; marked: Promise<void> }> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  const marked = new Promise<void>((resolve) => {
    socket.on('message', (bytes) => bytes.includes(MARK) && resolve());
  });
  return { address: `127.0.0.1:${socket.address().port}`, marked };
}

describe('a router', () => {
  it.each([
    ['the intent, whose type it was told of', `principals: { FOREIGN: 0x99 }\n`, 'toIntent'],
    ['the fallback, when it knows nothing of the type', '', 'toOtherAd'],
  ])('sends a packet towards %s', async (_what, principals, expected) => {
    const toIntent = await neighbour();
    const toOtherAd = await neighbour();
    const intentRoute = principals === '' ? '' : `  - { to: '${FOREIGN}', via: intent }\n`;
    const { line } = await startRouter(
      () => `${principals}faces:
  - { name: access, role: access, udp: { listen: '${LOOPBACK}' } }
  - { name: intent, role: peer, udp: { listen: '${LOOPBACK}', peers: ['${toIntent.address}'] } }
  - { name: other, role: peer, udp: { listen: '${LOOPBACK}', peers: ['${toOtherAd.address}'] } }
routes:
${intentRoute}  - { to: '${OTHER_AD}', via: other }
`,
    );
    const peers = [line.faces['access'] ?? ''];
    await using client = await XiaNode.start({ faces: [{ name: 'up', role: 'uplink', udp: { listen: LOOPBACK, peers } }] });
    client.datagram().send(Dag.parse(`RE ( ${OTHER_AD} HID:${'3'.repeat(40)} ) 0x99:${'4'.repeat(40)}`), Buffer.from(MARK));
    const first = await Promise.race([toIntent.marked.then(() => 'toIntent'), toOtherAd.marked.then(() => 'toOtherAd')]);
    expect(first).toBe(expected);
  });

  it('shows how full its queues and tables are', async () => {
    const { line } = await startRouter(
      (folder) => `control: ${folder}/R.ctl\nfaces: [{ name: access, role: access, udp: { listen: '${LOOPBACK}' } }]\n`,
    );
    const bounds = (await controlCall(line.control!, 'show', { what: 'bounds' })) as Gauge[];
    expect(bounds).toContainEqual({ name: 'control connections', unit: 'entries', used: 1, highWater: 1, bound: 32, refused: 0 });
    expect(bounds).toContainEqual({ name: 'faces', unit: 'entries', used: 1, highWater: 1, bound: 256, refused: 0 });
    const [header = ''] = viewTable('bounds', bounds).split('\n');
    expect(header.split(/ {2,}/)).toEqual(['NAME', 'UNIT', 'USED', 'HIGH WATER', 'BOUND', 'REFUSED']);
  });

  it('logs who it is once a line', async () => {
    const { folder, line } = await startRouter(() => `faces: [{ name: access, role: access, udp: { listen: '${LOOPBACK}' } }]\n`);
    const logged = (await readFile(join(folder, 'R.log'), 'utf8')).split('\n').find((text) => text.includes('"listening"')) ?? '';
    expect(logged.match(/"name":/g)).toHaveLength(1);
    expect(JSON.parse(logged)).toMatchObject({ name: 'R', hid: line.hid, faces: line.faces });
  });
});
