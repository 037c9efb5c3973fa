import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrincipalType, Xid, XiaError, type XiaNode } from 'xia-core';
import { startApplication, startHost, startRouter } from './testbed.js';

const SID = Xid.of(PrincipalType.SID, '5'.repeat(40));

describe('applications on two hosts of one AD', () => {
  const nodes: XiaNode[] = [];
  let alice: XiaNode;
  let bob: XiaNode;

  beforeAll(async () => {
    const router = await startRouter();
    const [hostA, hostB] = [await startHost(router.access), await startHost(router.access)];
    alice = await startApplication(hostA.access);
    bob = await startApplication(hostB.access);
    nodes.push(alice, bob, hostA.node, hostB.node, router.node);
    expect(alice.ad?.equals(router.ad)).toBe(true);
  });
  afterAll(async () => {
    for (const node of nodes) await node.close();
  });

  it('answers echoes with all of their data', async () => {
    await using echo = alice.echo();
    const answered = once(echo, 'reply');
    expect(echo.send(bob.dag(), { sequence: 7, size: 1000 })).toBe(true);
    const [reply] = await answered;
    expect(reply).toMatchObject({ kind: 'reply', sequence: 7, bytes: 1008 });
    expect(reply.from.equals(bob.dag())).toBe(true);
    expect(reply.rttMs).toBeGreaterThan(0);
  });

  it('says who is unreachable', async () => {
    await using echo = alice.echo();
    const answered = once(echo, 'reply');
    echo.send(bob.dag(SID), { sequence: 1 });
    const [reply] = await answered;
    expect(reply).toMatchObject({ kind: 'unreachable', sequence: 1 });
    expect(reply.from.equals(bob.dag())).toBe(true);
  });

  it('shows the hops', async () => {
    await using echo = alice.echo();
    const kinds: string[] = [];
    for (const hopLimit of [1, 2, 3, 4]) {
      const answered = once(echo, 'reply');
      echo.send(bob.dag(), { sequence: hopLimit, hopLimit });
      const [reply] = await answered;
      kinds.push(reply.kind);
    }
    expect(kinds).toEqual(['time-exceeded', 'time-exceeded', 'time-exceeded', 'reply']);
  });

  it('carries datagrams', async () => {
    await using server = bob.datagram(SID);
    server.on('message', (bytes, from) => server.send(from, Buffer.concat([Buffer.from('re: '), bytes])));
    await using client = alice.datagram();
    const answered = once(client, 'message');
    client.send(bob.dag(SID), Buffer.from('hello'));
    const [bytes] = await answered;
    expect(Buffer.from(bytes).toString()).toBe('re: hello');
  });

  it.each([true, false])('carries a stream, secure %s', async (secure) => {
    await using server = await bob.listen(SID, { secure });
    void (async () => {
      for await (const stream of server) stream.pipe(stream);
    })();
    const stream = await alice.connect(server.dag, { secure });
    const sent = randomBytes(3_000_000);
    const received = buffer(stream);
    stream.end(sent);
    expect((await received).equals(sent)).toBe(true);
    expect(stream.peerDag.equals(bob.dag(SID))).toBe(true);
    if (secure) expect(stream.peerHid?.equals(bob.hid)).toBe(true);
  });

  it('derives the same key at both ends of a secure stream', async () => {
    await using server = await bob.listen(SID);
    const accepted = server.accept();
    const stream = await alice.connect(server.dag);
    const other = await accepted;
    expect(stream.exportKey('a purpose', 32)).toEqual(other?.exportKey('a purpose', 32));
    expect(other?.peerHid?.equals(alice.hid)).toBe(true);
    stream.destroy();
    other?.destroy();
  });

  it('refuses a stream that nobody listens for', async () => {
    const other = Xid.of(PrincipalType.SID, '6'.repeat(40));
    await using socket = bob.datagram(other);
    await expect(alice.connect(bob.dag(socket.sid))).rejects.toMatchObject({ code: 'refused' });
  });

  it('fetches chunks, concurrently, and fails for what nobody has', async () => {
    const contents = Array.from({ length: 20 }, (_, index) => randomBytes(200_000 + index));
    const chunks = contents.map((bytes) => bob.publish(bytes));
    const fetched = await Promise.all(chunks.map(({ dag }) => alice.fetch(dag)));
    for (const [index, bytes] of fetched.entries()) expect(Buffer.compare(bytes, contents[index]!)).toBe(0);
    for (const { cid } of chunks) bob.unpublish(cid);
    await expect(alice.fetch(chunks[0]!.dag, { signal: AbortSignal.timeout(300) })).rejects.toBeInstanceOf(XiaError);
  });

  it('times out plainly where there is no router', async () => {
    await expect(startApplication('127.0.0.1:9', { attachTimeoutMs: 200 })).rejects.toMatchObject({ code: 'attach-timeout' });
  });
});
