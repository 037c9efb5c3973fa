import { describe, expect, it } from 'vitest';
import { PrincipalType, Xid } from 'xia-core';
import { imbalances } from './accounts.js';
import { addApplication, addRouter } from './domains.js';
import { SimNetwork, type SimNode } from './network.js';

const SERVICE = Xid.of(PrincipalType.SID, '5e'.repeat(20));

/** A guest that sends datagrams to a service on the same router: how many came, before, while and after it was fenced. */
function world(): { network: SimNetwork; router: SimNode; guest: SimNode; sendTen: () => number } {
  const network = new SimNetwork(1);
  const router = addRouter(network, 'R', 0, 2).node;
  const guest = addApplication(network, 'GUEST');
  const peer = addApplication(network, 'PEER');
  network.connect(guest, 'up', router, 'access0', { delayMs: 1 });
  network.connect(peer, 'up', router, 'access1', { delayMs: 1 });
  peer.stack.bindService(SERVICE);
  const arrived = peer.stack.datagrams.open(SERVICE);
  const sending = guest.stack.datagrams.open();
  network.start();
  network.runFor(500);
  return {
    network,
    router,
    guest,
    sendTen() {
      for (let count = 0; count < 10; count++) guest.enter(() => sending.send(peer.stack.dag(SERVICE), Uint8Array.of(count)));
      network.runFor(20);
      let got = 0;
      while (arrived.receive() !== undefined) got++;
      return got;
    },
  };
}

describe('the wire of a guest that was given away', () => {
  it('carries nothing of its copy but its bindings, which are refused', () => {
    const { network, router, guest, sendTen } = world();
    expect(sendTen()).toBe(10);
    const { fences } = router.stack.mobility;
    fences.raise(guest.stack.hid, network.now);
    expect(sendTen(), 'as that of the machine that went, it would disturb its connections').toBe(0);
    expect(router.stack.counters()['path']!['fenced']).toBe(10);
    network.runFor(15_000);
    expect(router.stack.counters()['mobility']!['binding:fenced']).toBeGreaterThan(0);
    fences.lift(guest.stack.hid);
    network.runFor(20_000);
    expect(sendTen()).toBe(10);
    expect(imbalances(router.stack.counters())).toEqual([]);
  });
});
