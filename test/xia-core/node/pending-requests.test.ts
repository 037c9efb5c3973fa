import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { XiaError } from '../../../xia-core/src/bytes/index.js';
import { PendingRequests, type PendingRequest } from '../../../xia-core/src/node/pending-requests.js';

const ABORTED = new XiaError('interrupted', 'given up');
const LATE = new XiaError('timeout', 'too late');

/** A request that notes its number, and the numbers that were taken back. */
function request(controller: AbortController, changed: Partial<PendingRequest<string>> = {}) {
  const [begun, cancelled]: [number[], number[]] = [[], []];
  const what: PendingRequest<string> = {
    about: 'it',
    begin: (id) => void begun.push(id),
    cancel: (id) => void cancelled.push(id),
    signal: controller.signal,
    aborted: () => ABORTED,
    ...changed,
  };
  return { what, begun, cancelled };
}

/** Nobody listens for the end of a request that is over. */
const listeners = ({ signal }: AbortController) => getEventListeners(signal, 'abort').length;

describe('requests that somebody waits for', () => {
  it('are settled by their answers, once', async () => {
    const [pending, controller] = [new PendingRequests<number, string>(), new AbortController()];
    const { what, begun, cancelled } = request(controller);
    const [one, two] = [pending.start(what), pending.start(what)];
    const ids = begun as [number, number];
    expect([new Set(ids).size, pending.about(ids[0])]).toEqual([2, 'it']);
    pending.reject(ids[1], LATE);
    pending.resolve(ids[0], 7);
    pending.reject(ids[0], LATE);
    await expect(one).resolves.toBe(7);
    await expect(two).rejects.toBe(LATE);
    expect([pending.about(ids[0]), listeners(controller), cancelled]).toEqual([undefined, 0, []]);
  });

  it('are taken back when they are aborted, before or after they began, and when their time is over', async () => {
    const [pending, controller] = [new PendingRequests<number, string>(), new AbortController()];
    const { what, begun, cancelled } = request(controller);
    const aborted = pending.start(what);
    controller.abort();
    await expect(aborted).rejects.toBe(ABORTED);
    await expect(pending.start(what)).rejects.toBe(ABORTED);
    expect([begun, cancelled.length]).toEqual([[1], 2]);
    const late = request(new AbortController(), { timeout: { ms: 1, error: () => LATE } });
    await expect(pending.start(late.what)).rejects.toBe(LATE);
    expect(late.cancelled).toEqual(late.begun);
  });

  it('leave nothing behind when they cannot begin, nor when the node ends', async () => {
    const [pending, controller] = [new PendingRequests<number, string>(), new AbortController()];
    const begin = (): void => {
      throw LATE;
    };
    await expect(pending.start(request(controller, { begin }).what)).rejects.toBe(LATE);
    expect([pending.about(1), listeners(controller)]).toEqual([undefined, 0]);
    const waiting = pending.start(request(controller).what);
    pending.rejectAll();
    await expect(waiting).rejects.toMatchObject({ code: 'interrupted' });
    expect(listeners(controller)).toBe(0);
  });
});
