import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { answerSource, askDestination } from '../../../migrate/src/xmigrate/ask-peer.js';
import { startApplication, startHost, startRouter } from '../../xia-core/node/testbed.js';

it('asks over a real network what became of the VM, and only the one who knows the transfer', { timeout: 60_000 }, async () => {
  const router = await startRouter();
  const host = await startHost(router.access);
  const [source, destination] = [await startApplication(host.access), await startApplication(host.access)];
  try {
    const transfer = randomBytes(16).toString('hex');
    const limit = AbortSignal.timeout(50_000);
    let dag = '';
    let decisions = 0;
    let isListening = (): void => undefined;
    const listening = new Promise<void>((resolve) => (isListening = resolve));
    const answered = answerSource(
      destination,
      'vm1',
      transfer,
      () => {
        decisions++;
        return { kind: 'taken' };
      },
      (at) => {
        dag = at;
        isListening();
      },
      limit,
    );
    await listening;
    expect((await askDestination(source, dag, 'vm1', randomBytes(16).toString('hex'), limit)).kind).toBe('unanswered');
    expect(decisions).toBe(0);
    expect(await askDestination(source, dag, 'vm1', transfer, limit)).toEqual({ kind: 'taken' });
    await answered;
    expect(decisions).toBe(1);
  } finally {
    for (const node of [source, destination, host.node, router.node]) await node.close();
  }
});
