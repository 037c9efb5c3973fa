import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { generateIdentity, PrincipalType, serviceDag, Xid, xidOf } from 'xia-core';
import { dial } from '../../../migrate/src/xmigrate/dial.js';
import { startApplication, startRouter } from '../../xia-core/node/testbed.js';

const identity = generateIdentity();
const hid = xidOf(PrincipalType.HID, identity);
const sid = new Xid(PrincipalType.SID, hid.id);

/** A source whose attempts are given up soon, and the router that its destination is to attach to. */
async function network() {
  const router = await startRouter();
  onTestFinished(() => router.node.close());
  const source = await startApplication(router.access, { streamLimits: { openTimeoutMs: 200 } });
  onTestFinished(() => source.close());
  const to = serviceDag(router.ad, hid, sid).toString();
  return { router, source, to, signal: new AbortController().signal, missingHere: () => undefined };
}

it('goes on while nobody answers', async () => {
  const { router, source, ...options } = await network();
  const dialled = dial(source, options);
  dialled.catch(() => undefined);
  await sleep(700);
  const destination = await startApplication(router.access, { identity });
  onTestFinished(() => destination.close());
  await destination.listen(sid);
  expect((await dialled).peerHid?.equals(hid)).toBe(true);
});

it('says what could not be reached when it gives up', async () => {
  const { source, ...options } = await network();
  const asked = dial(source, { ...options, patienceMs: 300 });
  await expect(asked).rejects.toMatchObject({ code: 'unreachable', message: 'the destination could not be reached: it did not answer' });
  const missingHere = () => "the source's XIA host at 127.0.0.1:1 does not answer";
  const cutOff = dial(source, { ...options, missingHere, patienceMs: 0 });
  await expect(cutOff).rejects.toMatchObject({ code: 'unreachable', message: missingHere() });
});

it('takes no for an answer', async () => {
  const { router, source, ...options } = await network();
  const destination = await startApplication(router.access, { identity });
  onTestFinished(() => destination.close());
  await (await destination.listen(sid)).close();
  await expect(dial(source, options)).rejects.toMatchObject({ code: 'refused' });
  const signal = AbortSignal.abort();
  await expect(dial(source, { ...options, signal })).rejects.toMatchObject({ code: 'interrupted' });
});
