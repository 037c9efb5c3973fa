import { createHash, randomBytes } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { PrincipalType, Xid } from 'xia-core';
import { receiveStream } from '../../../migrate/src/xmigrate/receive-stream.js';
import { sendStream } from '../../../migrate/src/xmigrate/send-stream.js';
import { startApplication, startHost, startRouter } from '../../xia-core/node/testbed.js';

it('moves a stream over a real network of nodes', async () => {
  const router = await startRouter();
  const [hostA, hostB] = [await startHost(router.access), await startHost(router.access)];
  const [source, destination] = [await startApplication(hostA.access), await startApplication(hostB.access)];
  try {
    const bytes = randomBytes(6_000_000);
    const server = await destination.listen(new Xid(PrincipalType.SID, destination.hid.id));
    const hash = createHash('sha256');
    const received = receiveStream({
      vm: 'vm1',
      streams: server,
      allows: (from) => from?.equals(source.hid) === true,
      fetcher: destination,
      output: new Writable({
        write(chunk: Buffer, _encoding, callback) {
          hash.update(chunk);
          callback();
        },
      }),
      persist: () => undefined,
    });
    const sent = await sendStream({
      vm: 'vm1',
      transfer: randomBytes(16),
      input: Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000, 100_001), bytes.subarray(100_001)]),
      publisher: source,
      connect: () => source.connect(server.dag),
      persist: () => undefined,
    });
    expect(sent).toMatchObject({ kind: 'handed-over', bytes: bytes.length });
    expect(await received).toMatchObject({ kind: 'taken', bytes: bytes.length });
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  } finally {
    for (const node of [source, destination, hostA.node, hostB.node, router.node]) await node.close();
  }
});
