import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { controlCall, Dag, generateIdentity, PrincipalType, XiaNode, xidOf, type Gauge } from 'xia-core';
import { viewTable } from '../../xrouter/src/xrouter/view-table.js';
import { bareSocket, startRouter } from './running-router.js';

const LOOPBACK = '127.0.0.1:0';
const OTHER_AD = `AD:${'2'.repeat(40)}`;
const FOREIGN = `FOREIGN:${'4'.repeat(40)}`;
const MARK = 'to whom it may concern';

/** A neighbour that tells when the marked packet comes to it. */
async function neighbour(): Promise<{ address: string; marked: Promise<void> }> {
  const { socket, address } = await bareSocket();
  const marked = new Promise<void>((resolve) => {
    socket.on('message', (bytes) => bytes.includes(MARK) && resolve());
  });
  return { address, marked };
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
      `${principals}faces:
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
    const { line } = await startRouter(`control: R.ctl\nfaces: [{ name: access, role: access, udp: { listen: '${LOOPBACK}' } }]\n`);
    const bounds = (await controlCall(line.control!, 'show', { what: 'bounds' })) as Gauge[];
    expect(bounds).toContainEqual({ name: 'control connections', unit: 'entries', used: 1, highWater: 1, bound: 32, refused: 0 });
    expect(bounds).toContainEqual({ name: 'faces', unit: 'entries', used: 1, highWater: 1, bound: 256, refused: 0 });
    const [header = ''] = viewTable('bounds', bounds).split('\n');
    expect(header.split(/ {2,}/)).toEqual(['NAME', 'UNIT', 'USED', 'HIGH WATER', 'BOUND', 'REFUSED']);
  });

  it('lets packets wait for a machine when it is told that this stands still', async () => {
    const { line } = await startRouter(`control: R.ctl\nfaces: [{ name: access, role: access, udp: { listen: '${LOOPBACK}' } }]\n`);
    const peers = [line.faces['access'] ?? ''];
    await using guest = await XiaNode.start({ faces: [{ name: 'up', role: 'uplink', udp: { listen: LOOPBACK, peers } }] });
    await using client = await XiaNode.start({ faces: [{ name: 'up', role: 'uplink', udp: { listen: LOOPBACK, peers } }] });
    const tell = async (phase: string, hid = guest.hid.toString()) => controlCall(line.control!, 'guest', { hid, phase });
    const state = async () =>
      ((await controlCall(line.control!, 'show', { what: 'bindings' })) as { hid: string; state: string }[]).find(
        ({ hid }) => hid === guest.hid.toString(),
      )?.state;
    const held = async () =>
      ((await controlCall(line.control!, 'show', { what: 'bounds' })) as Gauge[]).find(({ name }) => name === 'held packets')?.used ?? 0;
    expect(await tell('paused')).toEqual({ held: true, prepared: null });
    expect(await state()).toBe('held');
    const socket = guest.datagram();
    const arrived = new Promise<string>((resolve) => socket.on('message', (payload) => resolve(Buffer.from(payload).toString())));
    client.datagram().send(socket.dag, Buffer.from(MARK));
    await expect.poll(held).toBeGreaterThan(0);
    await tell('resumed');
    expect(await arrived).toBe(MARK);
    expect(await state()).toBe('live');
    const stranger = `HID:${'7'.repeat(40)}`;
    expect(await tell('paused', stranger)).toEqual({ held: false, prepared: null });
    expect(await tell('coming', stranger)).toEqual({});
    expect(await tell('not-coming', stranger)).toEqual({});
    expect(await tell('staying', stranger)).toEqual({});
    await expect(tell('gone')).rejects.toThrow(
      '"phase" is one of coming, not-coming, place, prepare, prepared, paused, arriving, resumed, staying',
    );
    await expect(tell('paused', OTHER_AD)).rejects.toThrow('"hid" is its HID');
  });

  it('fences a guest that was given away, until it is told otherwise', async () => {
    const { line } = await startRouter(`control: R.ctl\nfaces: [{ name: access, role: access, udp: { listen: '${LOOPBACK}' } }]\n`);
    const peers = [line.faces['access'] ?? ''];
    const identity = generateIdentity();
    const attach = async (attachTimeoutMs: number) =>
      XiaNode.start({ identity, attachTimeoutMs, faces: [{ name: 'up', role: 'uplink', udp: { listen: LOOPBACK, peers } }] });
    const hid = xidOf(PrincipalType.HID, identity).toString();
    expect(await controlCall(line.control!, 'fence', { hid })).toEqual({ fenced: true });
    await expect(attach(300)).rejects.toMatchObject({ code: 'attach-timeout' });
    const counters = (await controlCall(line.control!, 'show', { what: 'counters' })) as { mobility: Record<string, number> };
    expect(counters.mobility['binding:fenced']).toBeGreaterThan(0);
    expect(await controlCall(line.control!, 'unfence', { hid })).toEqual({ wasFenced: true });
    await using guest = await attach(5000);
    expect(guest.attachment).toBeDefined();
    await expect(controlCall(line.control!, 'fence', { hid: OTHER_AD })).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('logs who it is once a line', async () => {
    const { folder, line } = await startRouter(`faces: [{ name: access, role: access, udp: { listen: '${LOOPBACK}' } }]\n`);
    const logged = (await readFile(join(folder, 'R.log'), 'utf8')).split('\n').find((text) => text.includes('"listening"')) ?? '';
    expect(logged.match(/"name":/g)).toHaveLength(1);
    expect(JSON.parse(logged)).toMatchObject({ name: 'R', hid: line.hid, faces: line.faces });
  });
});
