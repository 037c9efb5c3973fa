import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ControlServer, MemoryFace, MemoryRecordStore, NameServerCore, nodeCrypto, XiaNode, type Gauge } from 'xia-core';
import { LmdbRecordStore } from '../../xnameserver/src/xnameserver/lmdb-record-store.js';
import { startRouter } from '../xia-core/node/testbed.js';
import { temporaryFolder } from '../xnameserver/support.js';

const architecture = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8');
const LOOPBACK = '127.0.0.1:0';

/** The last cells of the table "What bounds memory": for each row the names of its gauges. */
function documented(): string[][] {
  const section = architecture.slice(architecture.indexOf('## What bounds memory'), architecture.indexOf('## How to add'));
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| what'));
  return rows.map((row) => {
    const cell = row.split('|').at(-2)!.trim();
    return cell === '-' ? [] : [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
  });
}

/** `face * send queue` stands for that of a face of any name. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^ ]+')}$`).test(name);
}

/** Every gauge that there is, of a node with a face of every kind, of a router, and of a name server. */
async function allGauges(): Promise<Gauge[]> {
  const folder = await temporaryFolder();
  await using node = await XiaNode.start({
    role: 'host',
    attachTimeoutMs: 0,
    faces: [
      { name: 'udp', role: 'uplink', udp: { listen: LOOPBACK, offload: 'auto' } },
      { name: 'ether', role: 'access', ethernet: { listen: LOOPBACK } },
      { name: 'machines', role: 'access', netdev: { path: join(folder, 'machines.sock') } },
      { name: 'memory', role: 'access', face: new MemoryFace({ name: 'memory', role: 'access' }) },
    ],
  });
  await using control = await ControlServer.listen(join(folder, 'control.sock'), {});
  await using records = new LmdbRecordStore({ path: join(folder, 'records'), maxRecords: 10 });
  const router = await startRouter();
  const known = new Set(node.gauges().map(({ name }) => name));
  const ofRouter = router.node.gauges().filter(({ name }) => !known.has(name) && !name.startsWith('face '));
  await router.node.close();
  const server = new NameServerCore({ crypto: nodeCrypto, store: new MemoryRecordStore(), send: () => {} });
  return [...node.gauges(), ...ofRouter, ...control.gauges(), ...server.gauges(), records.gauge()];
}

describe('what bounds memory', () => {
  it('is in the documentation what it is in the code', async () => {
    const gauges = await allGauges();
    const names = gauges.map(({ name }) => name);
    const patterns = documented().flat();
    expect(patterns.length).toBeGreaterThan(30);
    expect(
      patterns.filter((pattern) => !names.some((name) => matches(pattern, name))),
      'only in the documentation',
    ).toEqual([]);
    expect(
      names.filter((name) => !patterns.some((pattern) => matches(pattern, name))),
      'only in the code',
    ).toEqual([]);
    expect(new Set(names).size, 'names are used once').toBe(names.length);
    for (const { used, highWater, bound, refused, name } of gauges) {
      expect(used <= highWater && highWater <= bound && refused === 0, name).toBe(true);
    }
  });
});
