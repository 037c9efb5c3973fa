import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileDestination } from '../../../tools/src/xcat/file-target.js';
import { formatMessage } from '../../../tools/src/xcat/file-message.js';
import { receiveFile, sendFile } from '../../../tools/src/xcat/file-transfer.js';
import { PieceReader } from '../../../tools/src/xcat/piece-reader.js';

/** Two ends of a stream within this process; `alter` sees what the first sends to the second. */
function streamPair(alter: (bytes: Buffer) => Buffer = (bytes) => bytes): [Duplex, Duplex] {
  const make = (pass: (bytes: Buffer) => Buffer, other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(piece: Buffer, _encoding, callback) {
        other().push(pass(piece));
        setImmediate(callback);
      },
      final(callback) {
        other().push(null);
        callback();
      },
    });
  const near: Duplex = make(alter, () => far);
  const far: Duplex = make(
    (bytes) => bytes,
    () => near,
  );
  return [near, far];
}

const watcher = { begin: () => {} };
const tally = () => ({ sent: 0, received: 0 });
const readerOf = (stream: Duplex) => new PieceReader(stream.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>);

describe('the transfer of a file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xcat-test-'));
    await mkdir(join(folder, 'inbox'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const inbox = () => readdir(join(folder, 'inbox'));
  const into = (name: string): FileDestination => ({ file: join(folder, 'inbox', name), force: false });

  async function transfer(content: Buffer, destination: FileDestination, alter?: (bytes: Buffer) => Buffer) {
    const path = join(folder, 'source.bin');
    await writeFile(path, content);
    const [near, far] = streamPair(alter);
    return Promise.allSettled([
      sendFile(near, readerOf(near), path, { answerMs: 5000, watcher, tally: tally() }).finally(() => near.end()),
      receiveFile(far, readerOf(far), destination, { watcher, tally: tally() }),
    ]);
  }

  it.each([0, 1, 262_144, 1_000_001])('carries %i bytes, and both ends know their hash', async (bytes) => {
    const content = randomBytes(bytes);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const [sent, received] = await transfer(content, into('copy'));
    expect(sent).toMatchObject({ status: 'fulfilled', value: { bytes, sha256 } });
    expect(received).toMatchObject({ status: 'fulfilled', value: { bytes, sha256 } });
    expect((await readFile(join(folder, 'inbox', 'copy'))).equals(content)).toBe(true);
    expect(await inbox()).toEqual(['copy']);
  });

  it('replaces a file only when told to, and tells the sender, but not the path', async () => {
    await writeFile(join(folder, 'inbox', 'copy'), 'precious');
    const [sent, received] = await transfer(Buffer.from('new'), into('copy'));
    expect(sent).toMatchObject({ reason: { code: 'refused', message: expect.stringContaining('exists already') } });
    expect(sent).not.toMatchObject({ reason: { message: expect.stringContaining(folder) } });
    expect(received).toMatchObject({ reason: { code: 'refused', message: expect.stringContaining(folder) } });
    expect(await readFile(join(folder, 'inbox', 'copy'), 'utf8')).toBe('precious');
    await transfer(Buffer.from('new'), { ...into('copy'), force: true });
    expect(await readFile(join(folder, 'inbox', 'copy'), 'utf8')).toBe('new');
    expect(await inbox()).toEqual(['copy']);
  });

  it('replaces no file that appears while it runs', async () => {
    const late = async () => {
      await writeFile(join(folder, 'inbox', 'copy'), 'precious');
    };
    let begun: Promise<void> | undefined;
    const [, received] = await transfer(randomBytes(1_000_000), into('copy'), (bytes) => {
      if (bytes.length > 10_000) begun ??= late();
      return bytes;
    });
    await begun;
    expect(received).toMatchObject({ status: 'rejected', reason: { code: 'refused' } });
    expect(await readFile(join(folder, 'inbox', 'copy'), 'utf8')).toBe('precious');
    expect(await inbox()).toEqual(['copy']);
  });

  it('takes a name from the peer within a folder only', async () => {
    const [, received] = await transfer(Buffer.from('x'), { directory: join(folder, 'inbox'), force: false });
    expect(received).toMatchObject({ status: 'fulfilled' });
    expect(await inbox()).toEqual(['source.bin']);
  });

  it('writes into no device and through no dangling link', async () => {
    await symlink('/dev/null', join(folder, 'inbox', 'null'));
    expect((await transfer(Buffer.from('x'), { ...into('null'), force: true }))[1]).toMatchObject({ reason: { code: 'refused' } });
    await symlink(join(folder, 'elsewhere'), join(folder, 'inbox', 'link'));
    expect((await transfer(Buffer.from('x'), into('link')))[1]).toMatchObject({ reason: { code: 'refused' } });
    expect(await readdir(folder)).not.toContain('elsewhere');
  });

  it('takes nothing that was changed on the way', async () => {
    const [sent, received] = await transfer(randomBytes(500_000), into('copy'), (bytes) => {
      if (bytes.length > 100_000) bytes[bytes.length >> 1]! ^= 1;
      return bytes;
    });
    expect(sent).toMatchObject({ reason: { code: 'refused' } });
    expect(received).toMatchObject({ reason: { code: 'refused', message: expect.stringContaining('hash') } });
    expect(await inbox()).toEqual([]);
  });

  it.each([
    ['in the middle', (bytes: number) => bytes >> 1],
    ['before the sum', (bytes: number) => bytes],
  ])('takes nothing that was cut %s', async (_where, kept) => {
    const [near, far] = streamPair();
    const content = randomBytes(100_000);
    const receiving = receiveFile(far, readerOf(far), into('copy'), { watcher, tally: tally() });
    near.write(formatMessage({ kind: 'offer', name: 'x', bytes: content.length }));
    near.end(content.subarray(0, kept(content.length)));
    await expect(receiving).rejects.toMatchObject({ code: 'connection-closed' });
    expect(await inbox()).toEqual([]);
  });

  it('says what is wrong with an other end that does something else', async () => {
    const path = join(folder, 'f');
    await writeFile(path, 'x');
    const send = (near: Duplex, answerMs: number) => sendFile(near, readerOf(near), path, { answerMs, watcher, tally: tally() });
    const [one, chatting] = streamPair();
    chatting.write('hello\n');
    await expect(send(one, 5000)).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('--file') });
    const [two] = streamPair();
    await expect(send(two, 1)).rejects.toMatchObject({ code: 'timeout', message: expect.stringContaining('--file') });
    const [three, four] = streamPair();
    const both = await Promise.allSettled([send(three, 5000), send(four, 5000)]);
    for (const end of both) expect(end).toMatchObject({ reason: { message: expect.stringContaining('--reverse') } });
    await expect(sendFile(two, readerOf(two), folder, { answerMs: 1, watcher, tally: tally() })).rejects.toMatchObject({ code: 'usage' });
  });
});
