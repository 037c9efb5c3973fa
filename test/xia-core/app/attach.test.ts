import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { attachAddress, attachFace, startFromOptions } from 'xia-core';
import { startRouter } from '../node/testbed.js';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'attach-'));
  onTestFinished(async () => rm(path, { recursive: true, force: true }));
  return path;
}

describe('where a program attaches', () => {
  it('is an address and port, or the path of a socket, which becomes absolute', () => {
    expect(attachAddress('localhost:7001')).toBe('127.0.0.1:7001');
    expect(attachAddress('[2001:db8:0::1]:7001')).toBe('[2001:db8::1]:7001');
    expect(attachAddress('unix:/run/a.sock', '/plans')).toBe('unix:/run/a.sock');
    expect(attachAddress('unix:run/a.sock', '/plans')).toBe('unix:/plans/run/a.sock');
    expect(attachAddress('unix:a.sock')).toBe(`unix:${join(process.cwd(), 'a.sock')}`);
  });

  it.each(['unix:', 'UNIX:/a', '/run/a.sock', 'here:1', ''])('is not "%s"', (text) => {
    expect(() => attachAddress(text)).toThrow(expect.objectContaining({ code: 'bad-endpoint' }));
    expect(() => attachFace(text)).toThrow(expect.objectContaining({ code: 'bad-endpoint' }));
  });

  it('is told by a face with the largest packets of the way there', () => {
    expect(attachFace('127.0.0.1:1')).toMatchObject({ mtu: 65_507, udp: { listen: '127.0.0.1:0', peers: ['127.0.0.1:1'] } });
    expect(attachFace('[::1]:1')).toMatchObject({ mtu: 65_507, udp: { listen: '[::1]:0', peers: ['[::1]:1'] } });
    expect(attachFace('192.0.2.1:1')).toEqual({ name: 'host', role: 'uplink', udp: { listen: '0.0.0.0:0', peers: ['192.0.2.1:1'] } });
    expect(attachFace('unix:/a')).toEqual({ name: 'host', role: 'uplink', mtu: 65_507, unix: { peers: ['/a'] } });
  });
});

describe('attaching over a UNIX socket', () => {
  it('makes a node of the network, which others reach', async () => {
    const listen = join(await folder(), 'access.sock');
    const { node: router } = await startRouter({ faces: [{ name: 'access', role: 'access', unix: { listen } }] });
    onTestFinished(async () => router.close());
    expect(router.faceAddresses()).toEqual({ access: `unix:${listen}` });
    const host = `unix:${relative(process.cwd(), listen)}`;
    await using one = await startFromOptions({ host });
    await using other = await startFromOptions({ host });
    const content = new Uint8Array(200_000).fill(7);
    expect(await one.fetch(other.publish(content).dag, { length: content.length })).toEqual(content);
  });

  it('says why nobody lets it in', async () => {
    const path = await folder();
    const attach = async (name: string) => startFromOptions({ host: `unix:${join(path, name)}`, attachTimeout: 50 });
    const refusal = (reason: string) => ({
      code: 'attach-timeout',
      message: expect.stringMatching(new RegExp(`^no router accepted this node within 50 ms .*; unix:${path}.*: ${reason}$`)) as unknown,
    });
    await expect(attach('none.sock')).rejects.toMatchObject(refusal('there is no such socket'));

    const server = createServer();
    server.listen(join(path, 'first.sock'));
    await once(server, 'listening');
    await rename(join(path, 'first.sock'), join(path, 'stale.sock'));
    await new Promise((resolve) => server.close(resolve));
    await expect(attach('stale.sock')).rejects.toMatchObject(refusal('nobody listens on that socket'));
    await writeFile(join(path, 'file'), '');
    await expect(attach('file')).rejects.toMatchObject({ code: 'attach-timeout' });
  });
});
