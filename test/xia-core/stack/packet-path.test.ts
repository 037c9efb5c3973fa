import { describe, expect, it } from 'vitest';
import { encodeEcho, encodeXip, hostDag, linkLocalDag, NextHeader, PrincipalType, SID_BOOTSTRAP, Xid, type Dag } from 'xia-core';
import { imbalances } from '../../simulation/accounts.js';
import { addApplication, addRouter } from '../../simulation/domains.js';
import { SimNetwork } from '../../simulation/network.js';

const nobody = new Xid(PrincipalType.HID, new Uint8Array(20).fill(7));

function echo(destination: Dag, hopLimit = 250, source: Dag = hostDag(undefined, nobody)): Uint8Array {
  const payload = encodeEcho({ id: 1, sequence: 1, data: new Uint8Array(8) });
  return encodeXip({ nextHeader: NextHeader.XCMP, destination, source, payload, hopLimit });
}

/** A router with one application, attached. */
function pair() {
  const network = new SimNetwork(1);
  const { node: router, ad } = addRouter(network, 'R', 1, 1);
  const app = addApplication(network, 'APP');
  network.connect(app, 'up', router, 'access0', { delayMs: 1 });
  network.start();
  network.runFor(500);
  const path = () => router.stack.counters()['path']!;
  const give = (packet: Uint8Array) => router.enter((now) => router.stack.receive(2, 1, packet, now));
  return { network, router, ad, app, path, give };
}

describe('the counters of a path', () => {
  it.each<[string, (ad: Xid, app: Xid) => Uint8Array]>([
    ['malformed:short', () => new Uint8Array(3)],
    ['malformed:version', (ad) => echo(hostDag(ad, nobody)).fill(9, 0, 1)],
    // An error that finds its way, or it would be counted, too.
    ['no-route', (ad, app) => echo(hostDag(undefined, nobody), 250, hostDag(ad, app))],
    ['hop-limit', (ad, app) => echo(hostDag(ad, app), 1)],
    ['sent-back', (_ad, app) => echo(hostDag(undefined, app))],
    ['broadcast-not-ours', () => echo(linkLocalDag(new Xid(PrincipalType.SID, nobody.id)))],
    ['delivered', () => echo(linkLocalDag(SID_BOOTSTRAP))],
  ])('have a packet once: %s', (counter, make) => {
    const { router, ad, app, path, give } = pair();
    const before = path()[counter] ?? 0;
    const receivedBefore = path()['received']!;
    give(make(ad, app.stack.hid));
    expect(path()[counter]).toBe(before + 1);
    expect(path()['received']).toBe(receivedBefore + 1);
    expect(imbalances(router.stack.counters())).toEqual([]);
  });

  it('add up after a face is gone, and after a listener of the owner has thrown', () => {
    const { network, router, app, path } = pair();
    router.stack.faces.remove(2);
    router.enter((now) =>
      router.stack.sendEcho(app.stack.dag(), encodeEcho({ id: 1, sequence: 1, data: new Uint8Array(0) }), undefined, now),
    );
    expect(path()['no-face']).toBe(1);
    const { echoes } = app.stack;
    let calls = 0;
    const id = echoes.open(() => {
      calls++;
      throw new RangeError('a mistake of the owner');
    });
    const ping = (sequence: number) =>
      app.enter((now) => app.stack.sendEcho(app.stack.dag(), echoes.message(id, sequence, new Uint8Array(4)), undefined, now));
    expect(() => ping(1)).toThrow(RangeError);
    expect(() => ping(2)).toThrow(RangeError);
    expect(calls, 'packets to itself still come').toBe(2);
    network.runFor(10);
    expect(imbalances(app.stack.counters())).toEqual([]);
  });
});

describe('what does not add up', () => {
  it('is told', () => {
    const { router } = pair();
    const counters = router.stack.counters();
    expect(imbalances({ ...counters, path: { ...counters['path'], received: 1e9 } })).toEqual([expect.stringContaining('path')]);
  });
});
