import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Writable } from 'node:stream';
import { XiaError } from 'xia-core';
import { formatMessage, LARGEST_MESSAGE_BYTES, parseMessage, printable, type FileMessage } from './file-message.js';
import { FileTarget, type FileDestination } from './file-target.js';
import { writeTo, type Tally } from './flow.js';
import type { PieceReader } from './piece-reader.js';

const PIECE_BYTES = 256 * 1024;
/** How long a sender gets to hear that its file is refused. */
const REFUSAL_MS = 2000;

/** What a transfer tells while it runs. */
export interface TransferWatcher {
  /** The size and name of the file are known. */
  begin(name: string, bytes: number): void;
}

export interface TransferredFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const noTransfer = () => new XiaError('refused', 'the other end does not transfer a file: give --file to both');

async function expectMessage<Kind extends FileMessage['kind']>(reader: PieceReader, kind: Kind): Promise<FileMessage & { kind: Kind }> {
  const line = await reader.line(LARGEST_MESSAGE_BYTES);
  if (line === undefined) throw new XiaError('connection-closed', 'the other end ended the stream before the file was whole');
  const message = parseMessage(line);
  if (message === undefined) throw noTransfer();
  if (message.kind === 'refuse') throw new XiaError('refused', `the other end refuses the file: ${printable(message.reason)}`);
  if (message.kind === 'offer' && kind === 'accept') {
    throw new XiaError('refused', 'both ends want to send a file: one of them needs --reverse');
  }
  if (message.kind !== kind) throw new XiaError('refused', `the other end says "${message.kind}" instead of "${kind}"`);
  return message as FileMessage & { kind: Kind };
}

async function within<Result>(ms: number, what: string, answer: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new XiaError('timeout', what)), ms);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/**
 * Sends a file: what it is, then, when the receiver agrees, its bytes and their hash. Done when the receiver has stored it.
 * @param answerMs how long the receiver may take to agree
 * @throws XiaError `refused`, `timeout`, `connection-closed`; `usage` for what is no file
 */
export async function sendFile(
  stream: Writable,
  reader: PieceReader,
  path: string,
  { answerMs, watcher, tally }: { readonly answerMs: number; readonly watcher: TransferWatcher; readonly tally: Tally },
): Promise<TransferredFile> {
  const handle = await open(path);
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new XiaError('usage', `--file ${path}: not a regular file; its size must be known`);
    const bytes = facts.size;
    await writeTo(stream, Buffer.from(formatMessage({ kind: 'offer', name: basename(path), bytes })));
    await within(answerMs, 'the other end does not say that it takes a file: give --file to both', expectMessage(reader, 'accept'));
    watcher.begin(basename(path), bytes);
    const hash = createHash('sha256');
    const send = async () => {
      for (let left = bytes; left > 0;) {
        // A buffer for each piece: the stream keeps it until the peer has it.
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(Math.min(PIECE_BYTES, left)), 0, undefined, bytes - left);
        if (bytesRead === 0) throw new XiaError('refused', `${path} has become shorter while it was sent`);
        const piece = buffer.subarray(0, bytesRead);
        hash.update(piece);
        left -= bytesRead;
        await writeTo(stream, piece);
        tally.sent += bytesRead;
      }
      const sha256 = hash.digest('hex');
      stream.end(formatMessage({ kind: 'sum', sha256 }));
      return sha256;
    };
    // A receiver that refuses in the middle (a full disk) is heard while there is more to send.
    const stored = expectMessage(reader, 'stored');
    const [sha256] = await Promise.all([send(), stored]);
    return { path, bytes, sha256 };
  } finally {
    await handle.close();
  }
}

async function receiveContent(reader: PieceReader, target: FileTarget, bytes: number, tally: Tally): Promise<string> {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0;) {
    const piece = await reader.some(Math.min(left, PIECE_BYTES));
    if (piece === undefined) throw new XiaError('connection-closed', `the stream ended ${left} bytes before the end of the file`);
    hash.update(piece);
    left -= piece.length;
    tally.received += piece.length;
    await target.write(piece);
  }
  const sha256 = hash.digest('hex');
  if ((await expectMessage(reader, 'sum')).sha256 !== sha256)
    throw new XiaError('refused', 'what came has another hash than what was sent');
  return sha256;
}

/** What the sender is told; our path is not its business. */
function reasonFor(error: unknown): string {
  if (!(error instanceof XiaError)) return (error as NodeJS.ErrnoException).code ?? 'it cannot be stored';
  const { path } = error.context;
  return typeof path === 'string' ? error.message.replace(path, 'it') : error.message;
}

/** Lets the sender read why before the stream is given up. */
async function untilHungUp(reader: PieceReader): Promise<void> {
  const rest = async () => {
    while ((await reader.some(PIECE_BYTES)) !== undefined);
  };
  await within(REFUSAL_MS, '', rest()).catch(() => {});
}

/**
 * Receives a file. It appears under its name when all of it has come, its hash is that of the sender, and it is on the disk; before,
 * and after any failure, there is nothing.
 * @throws XiaError `refused`, `connection-closed`
 */
export async function receiveFile(
  stream: Writable,
  reader: PieceReader,
  destination: FileDestination,
  { watcher, tally }: { readonly watcher: TransferWatcher; readonly tally: Tally },
): Promise<TransferredFile> {
  const { name, bytes } = await expectMessage(reader, 'offer');
  try {
    await using target = await FileTarget.open(destination, name);
    stream.write(formatMessage({ kind: 'accept' }));
    watcher.begin(printable(target.path), bytes);
    const sha256 = await receiveContent(reader, target, bytes, tally);
    await target.keep();
    stream.end(formatMessage({ kind: 'stored' }));
    return { path: target.path, bytes, sha256 };
  } catch (error) {
    if (!stream.destroyed) {
      stream.end(formatMessage({ kind: 'refuse', reason: reasonFor(error) }));
      await untilHungUp(reader);
    }
    throw error;
  }
}
