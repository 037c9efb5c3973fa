import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from './programs.js';
import { useTestbed } from './testbed.js';
import { useDirectPrograms } from './xcat-programs.js';

const FILE_BYTES = 64_000_000;
const HALF_MEGABYTE = 500_000;
/** The windows of both ends, what Node and TLS hold at each, and two pipes. */
const LARGEST_UNREAD_BYTES = 16_000_000;
const NOBODY = `HID:${'0'.repeat(40)}`;

describe('xcat between two domains', () => {
  const testbed = useTestbed('inter-ad');
  const { listen, connect } = useDirectPrograms(testbed);

  it('carries bytes both ways, whatever they are, and ends when both have ended', async () => {
    const [up, down] = [randomBytes(2_000_000), randomBytes(1_000_000)];
    const server = await listen('HOST_B', [], { input: down });
    const client = await connect('HOST_C', [server.dag], { input: up });
    expect([await client.ended, await server.ended], client.stderr() + server.stderr()).toEqual([0, 0]);
    expect(server.stdout().equals(up)).toBe(true);
    expect(client.stdout().equals(down)).toBe(true);
    const [result] = client.events('result');
    expect(result).toMatchObject({ ok: true, secure: true, sentBytes: up.length, receivedBytes: down.length });
    expect(result).toMatchObject({ peerHid: server.events('listening')[0]!['hid'], retransmittedBytes: expect.any(Number) });
    expect(result!['rttMs']).toBeGreaterThan(0);
  });

  it('sends a file that is the same at the other end, and does not replace one', async () => {
    const content = randomBytes(FILE_BYTES);
    const sha256 = createHash('sha256').update(content).digest('hex');
    await writeFile(join(testbed.folder, 'source'), content);
    const receiver = await listen('HOST_B', ['--file', 'copy']);
    const sender = await connect('HOST_C', ['--file', 'source', receiver.dag]);
    expect([await sender.ended, await receiver.ended], sender.stderr() + receiver.stderr()).toEqual([0, 0]);
    expect(
      createHash('sha256')
        .update(await readFile(join(testbed.folder, 'copy')))
        .digest('hex'),
    ).toBe(sha256);
    for (const { events } of [sender, receiver])
      expect(events('result')).toMatchObject([{ ok: true, file: { bytes: FILE_BYTES, sha256 } }]);
    const again = await listen('HOST_B', ['--file', 'copy']);
    const refused = await connect('HOST_C', ['--file', 'source', again.dag]);
    expect([await refused.ended, await again.ended]).toEqual([5, 5]);
    expect(refused.stderr()).toContain('exists already');
  });

  it('takes files into a folder, several at a time, and lets go of a sender that stops', async () => {
    await mkdir(join(testbed.folder, 'inbox'));
    const receiver = await listen('HOST_B', ['--directory', 'inbox', '--keep', '--max', '3']);
    const names = ['one', 'two', 'three'];
    for (const name of names) await writeFile(join(testbed.folder, name), randomBytes(HALF_MEGABYTE));
    const senders = await Promise.all(names.map((name) => connect('HOST_C', ['--file', name, receiver.dag])));
    expect(await Promise.all(senders.map(({ ended }) => ended))).toEqual([0, 0, 0]);
    // The whole of this one would take a while.
    await writeFile(join(testbed.folder, 'four'), randomBytes(FILE_BYTES));
    const stopped = await connect('HOST_C', ['--file', 'four', receiver.dag]);
    await until(async () => (await readdir(join(testbed.folder, 'inbox'))).length === 4, 10_000, 'the fourth file has begun');
    stopped.child.kill('SIGINT');
    expect(await stopped.ended).toBe(130);
    await until(() => receiver.events('failed').length > 0, 5000, 'the receiver has heard of it');
    expect(receiver.events('failed')).toMatchObject([{ reason: expect.stringContaining('256 INTERRUPTED') }]);
    expect((await readdir(join(testbed.folder, 'inbox'))).toSorted()).toEqual(names.toSorted());
    receiver.child.kill('SIGTERM');
    expect(await receiver.ended).toBe(143);
  });

  it('answers by a command, also after stdin has ended', async () => {
    const server = await listen('HOST_B', ['--keep', '--exec', 'tr a-z A-Z']);
    const client = await connect('HOST_C', [server.dag], { input: 'half-closed\n' });
    expect(await client.ended).toBe(0);
    expect(client.stdout().toString()).toBe('HALF-CLOSED\n');
    server.child.kill('SIGINT');
    expect(await server.ended).toBe(130);
    const failing = await listen('HOST_B', ['--exec', 'exit 3']);
    const other = await connect('HOST_C', [failing.dag]);
    await other.ended;
    expect(await failing.ended).toBe(5);
    expect(failing.stderr()).toContain('left with code 3');
  });

  it('talks to nobody else than was said', async () => {
    const server = await listen('HOST_B', ['--keep', '--allow', NOBODY]);
    const stranger = await connect('HOST_C', [server.dag], { input: 'open' });
    expect(await stranger.ended).toBe(5);
    expect(stranger.stderr()).toContain('257 NOT_ALLOWED');
    const pinned = await connect('HOST_C', ['--expect', NOBODY, server.dag]);
    expect(await pinned.ended).toBe(1);
    expect(pinned.stderr()).toContain('not who was expected');
    // Somebody else at that address: the HID in it does not match the key.
    const wrong = server.dag.replace(/HID:\w+/, NOBODY);
    const nowhere = await connect('HOST_C', ['--timeout', '500', wrong]);
    expect(await nowhere.ended).toBe(4);
    const nothing = await connect('HOST_C', ['--timeout', '500', '--service', 'nothing', server.dag.replace(/ SID:\w+/, '')]);
    expect(await nothing.ended).toBe(4);
    expect(server.stdout()).toHaveLength(0);
  });

  it('says so when only one end is plain', async () => {
    const plain = await listen('HOST_B', ['--plain']);
    const secureClient = await connect('HOST_C', [plain.dag], { input: 'secret' });
    expect([await secureClient.ended, await plain.ended]).toEqual([5, 5]);
    expect(secureClient.stderr()).toContain('--plain');
    expect(plain.stderr()).toContain('this one is --plain');
    expect(plain.stdout()).toHaveLength(0);
    const secure = await listen('HOST_B', ['--keep']);
    const plainClient = await connect('HOST_C', ['--plain', secure.dag], { input: 'not a ClientHello' });
    expect(await plainClient.ended).toBe(5);
    expect(plainClient.stderr()).toContain('leave --plain out');
    const both = await listen('HOST_B', ['--plain'], { input: 'to all the world' });
    const agreed = await connect('HOST_C', ['--plain', both.dag]);
    expect([await agreed.ended, await both.ended]).toEqual([0, 0]);
    expect(agreed.stdout().toString()).toBe('to all the world');
  });

  it('takes no more than its windows while nobody reads', async () => {
    const server = await listen('HOST_B', [], { holdOutput: true });
    const client = await connect('HOST_C', [server.dag], { input: 'open' });
    const piece = Buffer.alloc(256 * 1024, 1);
    let taken = 0;
    let stalledAtMs = performance.now();
    const offer = () =>
      void client.child.stdin!.write(piece, (error) => {
        if (error !== null && error !== undefined) return;
        taken += piece.length;
        stalledAtMs = performance.now();
        offer();
      });
    offer();
    await until(() => taken > 1_000_000 && performance.now() - stalledAtMs > 1000, 20_000, 'the sender waits');
    expect(taken).toBeLessThan(LARGEST_UNREAD_BYTES);
    // And it goes on as soon as somebody does.
    const before = taken;
    server.child.stdout!.resume();
    await until(() => taken > before + 20_000_000, 20_000, 'the sender goes on');
    // A reader that goes away is the end of it, at both ends.
    server.child.stdout!.destroy();
    expect(await server.ended).not.toBe(0);
    expect(await client.ended).toBe(1);
    expect(client.stderr()).toContain('259 OUTPUT_CLOSED');
  });
});
