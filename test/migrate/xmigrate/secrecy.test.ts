import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { expect, it, onTestFinished, vi } from 'vitest';
import { CHUNK_KEY_BYTES, CHUNK_KEY_LABEL } from '../../../migrate/src/protocol/index.js';
import { OwnershipFile } from '../../../migrate/src/state/index.js';
import { receiveStream } from '../../../migrate/src/xmigrate/receive-stream.js';
import { sendStream } from '../../../migrate/src/xmigrate/send-stream.js';
import { TransferReport } from '../../../migrate/src/xmigrate/transfer-report.js';
import { AcceptedStreams, ContentNetwork, pairedStreams } from './paired-streams.js';

const MARKER = 'the-memory-of-the-guest-';

/** Every text that these bytes might stand for in a log. */
function spellings(bytes: Buffer): string[] {
  return [bytes.toString('latin1'), bytes.toString('hex'), bytes.toString('base64'), [...bytes].join(','), [...bytes].join(', ')];
}

it.each([
  ['moves', false],
  ['is tampered with on the way', true],
])('no key and no byte of a VM is in a log or a file when it %s', async (_what, isTampered) => {
  const directory = mkdtempSync(join(tmpdir(), 'secrecy-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const said: string[] = [];
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  onTestFinished(() => stderr.mockRestore());
  const accepted = new AcceptedStreams();
  const content = new ContentNetwork();
  const published: Buffer[] = [];
  const streams = pairedStreams('secret');
  const key = Buffer.from(streams.atSource.exportKey(CHUNK_KEY_LABEL, CHUNK_KEY_BYTES));
  const reportOf = (role: 'send' | 'recv') =>
    new TransferReport({ role, vm: 'vm1', eventsFile: join(directory, `${role}.jsonl`), json: false });
  const reports = { send: reportOf('send'), recv: reportOf('recv') };
  const files = { send: new OwnershipFile(join(directory, 'a'), 'vm1'), recv: new OwnershipFile(join(directory, 'b'), 'vm1') };
  if (isTampered) content.tamper = (bytes) => Uint8Array.from(bytes, (byte, index) => (index === 5 ? byte ^ 1 : byte));
  const input = new PassThrough();
  input.end(Buffer.from(MARKER.repeat(40_000)));
  const received = receiveStream({
    vm: 'vm1',
    streams: accepted,
    fetcher: content,
    output: new Writable({ write: (_chunk, _encoding, callback) => callback() }),
    persist: (phase, reason) => void files.recv.write({ role: 'destination', phase }, { reason }),
    onEvent: ({ kind, ...fields }) => reports.recv.event(kind, fields, kind),
    onStart: (stats) => reports.recv.follow(stats),
  });
  const sent = sendStream({
    vm: 'vm1',
    transfer: new Uint8Array(16).fill(1),
    input,
    publisher: {
      publish(bytes) {
        published.push(Buffer.from(bytes));
        return content.publish(bytes);
      },
      unpublish: (cid) => content.unpublish(cid),
      lend: (length) => content.lend(length),
      recycle: (bytes) => content.recycle(bytes),
    },
    connect: async () => {
      accepted.accept(streams.atDestination);
      return streams.atSource;
    },
    persist: (phase, reason) => void files.send.write({ role: 'source', phase }, { reason }),
    onEvent: ({ kind, ...fields }) => reports.send.event(kind, fields, kind),
    onStart: (stats) => reports.send.follow(stats),
  });
  const outcomes = await Promise.all([sent, received]);
  expect(outcomes.map(({ kind }) => kind)).toEqual(isTampered ? ['aborted', 'aborted'] : ['handed-over', 'taken']);
  reports.send.summary({ ...outcomes[0] }, 'done');
  reports.recv.summary({ ...outcomes[1] }, 'done');

  const texts = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
  expect(texts.length).toBeGreaterThanOrEqual(3);
  expect(said.length).toBeGreaterThan(2);
  const secrets = [...spellings(key), ...spellings(key.subarray(0, 8)), MARKER, ...spellings(Buffer.from(MARKER)).slice(1)];
  for (const text of [...texts, ...said]) for (const secret of secrets) expect(text.includes(secret)).toBe(false);
  // And what any cache may hold is not the plaintext either.
  expect(published.length).toBeGreaterThan(0);
  for (const bytes of published) expect(bytes.includes(MARKER)).toBe(false);
});
