import { expect, it, onTestFinished } from 'vitest';
import type { XiaNode } from 'xia-core';
import { AttachmentWatch } from '../../../migrate/src/xmigrate/attachment-watch.js';
import { startApplication, startHost, startRouter } from '../../xia-core/node/testbed.js';

interface Watched {
  readonly router: XiaNode;
  readonly host: XiaNode;
  readonly node: XiaNode;
  readonly watch: AttachmentWatch;
  /** What was reported: names of events, and what people are told. */
  readonly said: string[];
}

async function watched(): Promise<Watched> {
  const router = await startRouter();
  const host = await startHost(router.access);
  const node = await startApplication(host.access);
  onTestFinished(async () => {
    for (const each of [node, host.node, router.node]) await each.close();
  });
  const said: string[] = [];
  const report = { event: (name: string, _fields?: Record<string, unknown>, words?: string) => void said.push(`${name}: ${words}`) };
  const watch = new AttachmentWatch({ node, end: 'source', host: host.access, report });
  onTestFinished(() => watch.close());
  return { router: router.node, host: host.node, node, watch, said };
}

const POLL = { timeout: 20_000, interval: 20 };

it('says that its host does not answer when that has gone', async () => {
  const { host, node, watch, said } = await watched();
  const closed: string[] = [];
  const other = new AttachmentWatch({ node, end: 'source', host: '', report: { event: (name) => void closed.push(name) } });
  other.close();
  expect([watch.fault(), said]).toEqual([undefined, []]);
  await host.close();
  await expect.poll(() => said, POLL).toHaveLength(1);
  expect(said[0]).toMatch(/^detached: the source's XIA host at 127\.0\.0\.1:\d+ does not answer$/);
  expect(`detached: ${watch.fault()}`).toBe(said[0]);
  expect([other.fault(), closed]).toEqual([undefined, []]);
});

it('says that its host has lost its router when that has gone', async () => {
  const { router, watch, said } = await watched();
  await router.close();
  await expect.poll(() => said, POLL).toHaveLength(1);
  expect(said[0]).toMatch(/^detached: the source's XIA host at 127\.0\.0\.1:\d+ has lost its router$/);
  expect(`detached: ${watch.fault()}`).toBe(said[0]);
});
