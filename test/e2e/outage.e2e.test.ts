import { createHash, randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { PrincipalType, Xid } from 'xia-core';
import type { LoadingMachine } from '../../migrate/src/xmigrate/transfer-ports.js';
import { receiveStream } from '../../migrate/src/xmigrate/receive-stream.js';
import { sendStream } from '../../migrate/src/xmigrate/send-stream.js';
import { startApplication, startHost, startRouter } from '../xia-core/node/testbed.js';
import { CuttableLink } from './cuttable-link.js';

const PIECE_BYTES = 200_000;

/** A transfer between two applications, one of them behind a link that can be cut. */
async function transfer(machine: LoadingMachine | undefined, onCommit: () => void) {
  const router = await startRouter();
  const hostA = await startHost(router.access);
  const link = await CuttableLink.to(router.access);
  const hostB = await startHost(link.address);
  const [source, destination] = [await startApplication(hostA.access), await startApplication(hostB.access)];
  const input = new PassThrough();
  const [written, read] = [createHash('sha256'), createHash('sha256')];
  const server = await destination.listen(new Xid(PrincipalType.SID, destination.hid.id));
  const marks: string[] = [];
  let begun = (): void => undefined;
  const ready = new Promise<void>((resolve) => (begun = resolve));
  const received = receiveStream({
    vm: 'vm1',
    streams: server,
    fetcher: destination,
    machine,
    output: new Writable({
      write(chunk: Buffer, _encoding, callback) {
        read.update(chunk);
        callback();
      },
    }),
    persist: (mark) => void marks.push(mark),
  });
  const sent = sendStream({
    vm: 'vm1',
    transfer: randomBytes(16),
    input,
    publisher: source,
    connect: () => source.connect(server.dag),
    onEvent: ({ kind }) => kind === 'ready' && begun(),
    persist: (mark) => {
      marks.push(mark);
      onCommit();
    },
  });
  return {
    link,
    input,
    sent,
    received,
    marks,
    ready,
    write: () => {
      const piece = randomBytes(PIECE_BYTES);
      written.update(piece);
      input.write(piece);
    },
    isWhole: () => written.digest('hex') === read.digest('hex'),
    close: async () => {
      for (const node of [source, destination, hostA.node, hostB.node, router.node]) await node.close();
      link.close();
    },
  };
}

it('rides through outages of 0.1 s, 1 s and 10 s while the VM is on its way', { timeout: 120_000 }, async () => {
  const { link, input, sent, received, ready, write, isWhole, close } = await transfer(undefined, () => undefined);
  try {
    await ready;
    for (const outageMs of [100, 1_000, 10_000]) {
      write();
      await sleep(50);
      link.isCut = true;
      write();
      await sleep(outageMs);
      link.isCut = false;
      write();
    }
    input.end();
    expect(await sent).toMatchObject({ kind: 'handed-over', bytes: 9 * PIECE_BYTES });
    expect(await received).toMatchObject({ kind: 'taken' });
    expect(isWhole()).toBe(true);
  } finally {
    await close();
  }
});

it('rides through an outage in the commit, and runs the VM once', { timeout: 120_000 }, async () => {
  let starts = 0;
  const machine: LoadingMachine = {
    gone: new AbortController().signal,
    untilLoaded: async () => undefined,
    start: async () => void starts++,
    discard: async () => undefined,
  };
  let cut = (): void => undefined;
  const { link, input, sent, received, marks, write, close } = await transfer(machine, () => cut());
  cut = () => {
    link.isCut = true;
    setTimeout(() => (link.isCut = false), 1_500);
  };
  try {
    write();
    input.end();
    expect(await sent).toMatchObject({ kind: 'handed-over' });
    expect(await received).toMatchObject({ kind: 'taken' });
    expect(starts).toBe(1);
    expect(marks).toEqual(['receiving', 'received', 'handed-over', 'running']);
  } finally {
    await close();
  }
});
