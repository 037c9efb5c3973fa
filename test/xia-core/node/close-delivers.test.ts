import { randomBytes } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { PrincipalType, Xid } from 'xia-core';
import { startApplication, startRouter } from './testbed.js';

const SID = Xid.of(PrincipalType.SID, 'c105e'.repeat(8));
const BYTES = 3_000_000;

it.each([true, false])(
  'delivers what was written to streams that were ended, when the node is closed at once (secure: %s)',
  async (secure) => {
    const router = await startRouter();
    const [near, far] = [await startApplication(router.access), await startApplication(router.access)];
    onTestFinished(async () => {
      await far.close();
      await router.node.close();
    });
    const server = await far.listen(SID, { secure });
    const stream = await near.connect(server.dag, { secure });
    stream.on('error', () => {});
    const taken = (await server.accept())!;
    const contents = randomBytes(BYTES);
    const heard: Buffer[] = [];
    const over = new Promise<string>((resolve) => {
      taken.on('data', (bytes: Buffer) => heard.push(bytes));
      taken.once('end', () => {
        taken.end();
        resolve('end');
      });
      taken.once('error', ({ message }) => resolve(message));
    });
    stream.end(contents);
    await near.close({ deliveryTimeoutMs: 20_000 });
    expect([await over, Buffer.concat(heard).equals(contents)]).toEqual(['end', true]);
  },
);
