import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrincipalType, Xid, type XiaNode, type XiaStream } from 'xia-core';
import { startApplication, startRouter } from './testbed.js';

describe('the end of a stream', () => {
  const nodes: XiaNode[] = [];
  let server: XiaNode;
  let client: XiaNode;
  let next = 0;

  beforeAll(async () => {
    const router = await startRouter();
    server = await startApplication(router.access);
    client = await startApplication(router.access);
    nodes.push(client, server, router.node);
  });
  afterAll(async () => {
    for (const node of nodes) await node.close();
  });

  async function pair(secure: boolean): Promise<[XiaStream, XiaStream]> {
    const sid = new Xid(PrincipalType.SID, new Uint8Array(20).fill(++next));
    const listening = await server.listen(sid, { secure });
    const [near, far] = await Promise.all([client.connect(listening.dag, { secure }), listening.accept()]);
    return [near, far!];
  }

  it.each([true, false])('is in good order at both ends when both have ended (secure: %s)', async (secure) => {
    const [near, far] = await pair(secure);
    const over = Promise.all([near.untilOver(), far.untilOver()]);
    const bytes = Buffer.alloc(3_000_000, 7);
    near.end(bytes);
    far.end('done');
    let received = 0;
    far.on('data', (piece: Buffer) => (received += piece.length));
    near.resume();
    await over;
    expect(received).toBe(bytes.length);
    await near.untilOver();
  });

  it.each([true, false])('is told with its code (secure: %s)', async (secure) => {
    const [near, far] = await pair(secure);
    const failed = new Promise((resolve) => far.once('error', resolve));
    far.resume();
    near.on('error', () => {});
    near.reset(4711);
    expect(await failed).toMatchObject({ code: 'connection-closed', context: { code: 4711, by: 'peer' } });
    await expect(far.untilOver()).rejects.toMatchObject({ code: 'connection-closed', context: { code: 4711, by: 'peer' } });
    await expect(near.untilOver()).rejects.toMatchObject({ context: { code: 4711, by: 'local' } });
  });

  it('is a reset for a peer that goes on writing to a stream that was ended and destroyed', async () => {
    const [near, far] = await pair(false);
    far.on('error', () => {});
    near.end();
    await once(near, 'finish');
    near.destroy();
    far.write('nobody reads this');
    await expect(far.untilOver()).rejects.toMatchObject({ context: { code: 7, by: 'peer' } });
  });
});
