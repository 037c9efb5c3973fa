import { setTimeout as delay } from 'node:timers/promises';
import { writeU48BE, type StreamServer, type Xid, type XiaStream } from 'xia-core';
import { serviceSid } from '../common/service-sid.js';

/** As many bytes as the stream carries, one way or the other, STREAM. */
export const SID_BULK: Xid = serviceSid('bulk');

/** The first byte that a client sends: which of the two ends is the one that sends. */
export const BulkOrder = { SERVER_SENDS: 1, CLIENT_SENDS: 2 } as const;

/** How often a server that receives says how much it has. */
export const REPORT_MS = 20;
/** Such a report: bytes so far, 48 bits, the highest first. */
export const REPORT_BYTES = 6;
const PIECE = new Uint8Array(32 * 1024).fill(0x5a);

/** Writes until the stream is over. */
export async function writeAsFastAsItGoes(stream: XiaStream): Promise<void> {
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  while (stream.writable) {
    if (stream.write(PIECE)) await delay(0);
    else await Promise.race([closed, new Promise<void>((resolve) => stream.once('drain', resolve))]);
  }
}

async function receive(stream: XiaStream, firstBytes: number): Promise<void> {
  let bytes = firstBytes;
  const timer = setInterval(() => {
    const report = new Uint8Array(REPORT_BYTES);
    writeU48BE(report, 0, bytes);
    if (stream.writable) stream.write(report);
  }, REPORT_MS);
  try {
    for await (const piece of stream.iterator({ destroyOnReturn: false })) bytes += (piece as Buffer).length;
  } finally {
    clearInterval(timer);
  }
}

async function serve(stream: XiaStream): Promise<void> {
  try {
    const first = await new Promise<Buffer>((resolve, reject) => stream.once('data', resolve).once('error', reject));
    stream.pause();
    if (first[0] === BulkOrder.CLIENT_SENDS) await receive(stream, first.length - 1);
    else await writeAsFastAsItGoes(stream);
  } finally {
    stream.destroy();
  }
}

/** Serves every connection of a server until it is closed. One that breaks ends alone. */
export async function serveBulk(server: StreamServer, onError: (error: unknown) => void): Promise<void> {
  for await (const stream of server) {
    stream.on('error', onError);
    void serve(stream).catch(onError);
  }
}
