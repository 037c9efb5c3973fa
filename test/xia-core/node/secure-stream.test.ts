import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { generateIdentity, type NodeIdentity } from '../../../xia-core/src/io/keys.js';
import { exportKey, peerId, secureClient, secureServer, streamError } from '../../../xia-core/src/node/secure-stream.js';
import { duplexPair } from './duplex-pair.js';

const server = generateIdentity();
const client = generateIdentity();
const is = (identity: NodeIdentity) => (id: Uint8Array) => Buffer.compare(id, identity.id) === 0;

/** All bytes until the end. (`stream/consumers` would destroy the stream, and so its other direction.) */
async function collect(stream: Duplex): Promise<Buffer> {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  await once(stream, 'end');
  return Buffer.concat(pieces);
}

async function securePair(): Promise<[TLSSocket, TLSSocket, Duplex, Duplex]> {
  const [a, b] = duplexPair();
  const [atServer, atClient] = await Promise.all([secureServer(a, server), secureClient(b, client, is(server))]);
  return [atServer, atClient, a, b];
}

describe('a secure stream', () => {
  test('both ends learn who the other is', async () => {
    const [atServer, atClient] = await securePair();
    expect(peerId(atServer)).toEqual(new Uint8Array(client.id));
    expect(peerId(atClient)).toEqual(new Uint8Array(server.id));
    expect(atClient.getProtocol()).toBe('TLSv1.3');
    expect(atClient.isSessionReused()).toBe(false);
    atServer.destroy();
    atClient.destroy();
  });

  test('both ends export the same secret, another for another purpose and for another stream', async () => {
    const [atServer, atClient] = await securePair();
    const [otherServer, otherClient] = await securePair();
    const secret = exportKey(atServer, 'EXPERIMENTAL-xia-test', 32);
    expect(secret.length).toBe(32);
    expect(exportKey(atClient, 'EXPERIMENTAL-xia-test', 32)).toEqual(secret);
    expect(exportKey(atClient, 'EXPERIMENTAL-xia-other', 32)).not.toEqual(secret);
    expect(exportKey(otherClient, 'EXPERIMENTAL-xia-test', 32)).not.toEqual(secret);
    for (const tls of [atServer, atClient, otherServer, otherClient]) tls.destroy();
  });

  test('no byte of a session ticket is offered, so nothing can be resumed', async () => {
    const [a, b] = duplexPair();
    const tickets: unknown[] = [];
    const accepted = secureServer(a, server);
    const dialled = secureClient(b, client, is(server));
    const [atServer, atClient] = await Promise.all([accepted, dialled]);
    atClient.on('session', (ticket) => tickets.push(ticket));
    atServer.end('x');
    await collect(atClient);
    for (const ticket of tickets) {
      const [c, d] = duplexPair();
      const second = secureServer(c, server).catch((error: unknown) => error);
      const raw = tlsConnect({
        socket: d,
        session: ticket as Buffer,
        rejectUnauthorized: false,
        ALPNProtocols: ['xia/1'],
      });
      raw.on('error', () => {});
      await Promise.race([once(raw, 'secureConnect').catch(() => {}), second]);
      expect(raw.isSessionReused()).toBe(false);
      raw.destroy();
      await second;
    }
    atClient.destroy();
  });

  test('carries 10 MB each way at once, with back-pressure', async () => {
    const [atServer, atClient] = await securePair();
    const up = randomBytes(10_000_000);
    const down = randomBytes(10_000_000);
    atClient.end(up);
    atServer.end(down);
    const [atServerGot, atClientGot] = await Promise.all([collect(atServer), collect(atClient)]);
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(atServerGot)).toBe(digest(up));
    expect(digest(atClientGot)).toBe(digest(down));
  });

  test('a writer is held up while nobody reads', async () => {
    const [atServer, atClient] = await securePair();
    const piece = Buffer.alloc(64 * 1024);
    let accepted = 0;
    while (accepted < 400 && atClient.write(piece)) {
      accepted++;
      await new Promise(setImmediate);
    }
    expect(accepted).toBeLessThan(100);
    atServer.resume();
    await once(atClient, 'drain');
    atServer.destroy();
    atClient.destroy();
  });

  test('one direction can end while the other goes on', async () => {
    const [atServer, atClient] = await securePair();
    atClient.end('question');
    expect((await collect(atServer)).toString()).toBe('question');
    atServer.write('an answer ');
    await new Promise((resolve) => setTimeout(resolve, 20));
    atServer.end('after the end');
    expect((await collect(atClient)).toString()).toBe('an answer after the end');
  });

  test('an end that waits behind unread bytes is still an end, after the last of them', async () => {
    for (const size of [1, 100_000, 1_000_000]) {
      const [atServer, atClient] = await securePair();
      atServer.end(randomBytes(size));
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect((await collect(atClient)).length).toBe(size);
      atClient.end();
      await once(atServer.resume(), 'end');
    }
  });

  test('an abrupt destroy below is an error above, not a clean end', async () => {
    const [atServer, atClient, below] = await securePair();
    atServer.on('error', () => {});
    atClient.write('something');
    let ended = false;
    atClient.on('end', () => (ended = true));
    const failed = once(atClient, 'error').then(([error]) => streamError(error));
    atClient.resume();
    below.destroy(new Error('cable cut'));
    const error = await failed;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(error).toMatchObject({ code: 'stream-failed' });
    expect(ended).toBe(false);
    expect(atClient.destroyed).toBe(true);
    expect(atServer.destroyed).toBe(true);
  });

  test('an end without the closing alert of TLS is an error: a cut is not mistaken for an end', async () => {
    const [atServer, atClient, below] = await securePair();
    atServer.on('error', () => {});
    const failed = once(atClient, 'error');
    atClient.on('end', () => expect.unreachable('a truncated stream must not end'));
    atClient.resume();
    below.push(null);
    below.end();
    expect(streamError((await failed)[0])).toMatchObject({ code: 'stream-failed' });
  });

  test('destroying the secure stream destroys the one below', async () => {
    const [atServer, atClient, below, alsoBelow] = await securePair();
    atServer.on('error', () => {});
    const closed = Promise.all([below, alsoBelow, atServer].map((pipe) => new Promise((resolve) => pipe.once('close', resolve))));
    atClient.on('error', () => {});
    atClient.destroy();
    await closed;
    expect([below.destroyed, alsoBelow.destroyed, atServer.destroyed]).toEqual([true, true, true]);
  });
});

describe('a handshake is refused', () => {
  test('by the client when the server holds another key, before any byte flows', async () => {
    const [a, b] = duplexPair();
    const received: Buffer[] = [];
    const accepted = secureServer(a, generateIdentity()).then(
      (tls) => {
        tls.on('data', (bytes: Buffer) => received.push(bytes));
        tls.on('error', () => {});
        return tls;
      },
      () => undefined,
    );
    await expect(secureClient(b, client, is(server))).rejects.toMatchObject({
      name: 'XiaError',
      code: 'peer-not-authentic',
    });
    expect(b.destroyed).toBe(true);
    await accepted;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(received).toEqual([]);
    expect(a.destroyed).toBe(true);
  });

  test('by the server when the client presents no certificate', async () => {
    const [a, b] = duplexPair();
    const raw = tlsConnect({ socket: b, rejectUnauthorized: false, ALPNProtocols: ['xia/1'] });
    raw.on('error', () => {});
    await expect(secureServer(a, server)).rejects.toMatchObject({ code: 'peer-not-authentic' });
    raw.destroy();
  });

  test('when the peer names another protocol, or none', async () => {
    for (const ALPNProtocols of [['h2'], undefined]) {
      const [a, b] = duplexPair();
      const raw = tlsConnect({ socket: b, rejectUnauthorized: false, ...(ALPNProtocols && { ALPNProtocols }) });
      raw.on('error', () => {});
      await expect(secureServer(a, server)).rejects.toMatchObject({ code: 'handshake-failed' });
      raw.destroy();
    }
  });

  test('when the peer speaks no TLS', async () => {
    const [a, b] = duplexPair();
    b.on('error', () => {});
    b.resume();
    b.write('GET / HTTP/1.1\r\n\r\n');
    await expect(secureServer(a, server)).rejects.toMatchObject({ code: 'handshake-failed' });
  });

  test('when the peer goes away', async () => {
    const [a, b] = duplexPair();
    const dialled = secureClient(a, client, is(server));
    b.on('error', () => {});
    b.destroy();
    await expect(dialled).rejects.toMatchObject({ code: 'handshake-failed' });
    const [c, d] = duplexPair();
    const accepted = secureServer(c, server);
    d.on('error', () => {});
    d.end();
    d.resume();
    await expect(accepted).rejects.toMatchObject({ code: 'handshake-failed' });
  });

  test('when the peer is silent for too long, or the caller gives up', async () => {
    const [a, silent] = duplexPair();
    silent.on('error', () => {});
    await expect(secureClient(a, client, is(server), { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'handshake-failed',
    });
    expect(a.destroyed).toBe(true);
    const [b, alsoSilent] = duplexPair();
    const [c, silentToo] = duplexPair();
    for (const pipe of [alsoSilent, silentToo]) pipe.on('error', () => {});
    const signal = AbortSignal.timeout(20);
    await expect(secureClient(b, client, is(server), { signal })).rejects.toMatchObject({ code: 'interrupted' });
    await expect(secureServer(c, server, { signal })).rejects.toMatchObject({ code: 'interrupted' });
  });
});
