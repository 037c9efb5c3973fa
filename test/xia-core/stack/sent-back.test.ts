import { expect, it } from 'vitest';
import { hostDag } from 'xia-core';
import { addApplication, addRouter } from '../../simulation/domains.js';
import { SimNetwork, type SimNode } from '../../simulation/network.js';

const LINK = { delayMs: 1 };

function echoes(network: SimNetwork, client: SimNode, address: ReturnType<typeof hostDag>): string[] {
  const kinds: string[] = [];
  const id = client.stack.echoes.open(({ kind }) => kinds.push(kind));
  client.enter((now) => client.stack.sendEcho(address, client.stack.echoes.message(id, 1, new Uint8Array(8)), undefined, now));
  network.runFor(500);
  return kinds;
}

function twoDomains() {
  const network = new SimNetwork(1);
  const one = addRouter(network, 'R1', 1, 2);
  const two = addRouter(network, 'R2', 1, 1);
  network.connect(one.node, 'peer0', two.node, 'peer0', LINK);
  const peer = (node: SimNode) => ({ face: node.stack.faces.byName('peer0')!, neighbour: 0 });
  one.node.stack.addRoute(two.ad, peer(one.node));
  two.node.stack.addRoute(one.ad, peer(two.node));
  const [client, guest] = [addApplication(network, 'CLIENT'), addApplication(network, 'GUEST')];
  network.connect(client, 'up', one.node, 'access0', LINK);
  network.connect(guest, 'up', one.node, 'access1', LINK);
  network.start();
  network.runFor(1000);
  return { network, one, two, client, guest, peer };
}

it('lets a packet go back where it came from when it has come further in its address', () => {
  const { network, two, client, guest, peer } = twoDomains();
  // The guest was in AD2 once and is back: packets to that address turn round behind AD2.
  two.node.stack.engine.route(guest.stack.hid, { ...peer(two.node), neighbour: 1 });
  expect(echoes(network, client, hostDag(two.ad, guest.stack.hid))).toEqual(['reply']);
});

it('does not let two nodes that point at each other play with a packet', () => {
  const { network, one, two, client, guest, peer } = twoDomains();
  const hid = guest.stack.hid;
  one.node.stack.engine.route(hid, { ...peer(one.node), neighbour: 1 });
  two.node.stack.engine.route(hid, { ...peer(two.node), neighbour: 1 });
  const before = network.packets;
  expect(echoes(network, client, hostDag(one.ad, hid))).toEqual(['unreachable']);
  expect(network.packets - before).toBeLessThan(60);
});
