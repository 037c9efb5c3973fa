import { describe, expect, it } from 'vitest';
import { linkPresets, parseTopology, PrincipalType, Xid } from 'xia-core';
import { SimNetwork } from './network.js';
import { Conversation, StreamRouter, Talker } from './stream-pair.js';
import { TopologyNetwork } from './topology-network.js';

const RING = `
router r1 AD1
router r2 AD2
router r3 AD3
router r4 AD3
host h1
host h2
link r1 r2 metro
link r2 r3 delay=1ms jitter=1ms/reorders loss=0.5%
link r3 r4 lan
link r4 r1 delay=40ms
link h1 r1 lan
link r4 h2 delay=1ms rate=10Mbit
  h2 -> r4 rate=1Mbit
`;

/** Two hosts talk over a stream; returns what went wrong. */
function talk(world: TopologyNetwork, rounds: number): string | undefined {
  const { network } = world;
  const [one, two] = [world.node('h1'), world.node('h2')];
  const sid = new Xid(PrincipalType.SID, network.rng.bytes(20));
  const ends: [Talker, Talker] = [new Talker(one, 1, 2), new Talker(two, 2, 1)];
  const conversation = new Conversation(ends);
  new StreamRouter(two).listen(sid, ends[1].handlerOf);
  new StreamRouter(one).connect(two.stack.dag(sid), new Xid(PrincipalType.SID, network.rng.bytes(20)), ends[0].handlerOf);
  network.runFor(500);
  for (let round = 0; round < rounds; round++) {
    conversation.speak(500);
    network.runFor(20);
  }
  conversation.stop();
  conversation.speak(100);
  network.runUntil(() => conversation.isOver, 60_000);
  return conversation.isOver ? conversation.fault() : 'it did not end';
}

describe('a network from text', () => {
  it.each(['static', 'found'] as const)('carries a stream between its hosts, ways: %s', (ways) => {
    const world = new TopologyNetwork(new SimNetwork(3), parseTopology(RING), { ways });
    expect(world.settle()).toBe(true);
    expect(talk(world, 50)).toBeUndefined();
    // By r2 and r3, which is shorter than the direct link.
    if (ways === 'static') expect(world.link('r1', 'r4').ways[0].counters.packets).toBe(0);
    expect(world.link('h1', 'r1').ways[0].counters.packets).toBeGreaterThan(50);
  });

  it('has links with a shape for each direction', () => {
    const world = new TopologyNetwork(new SimNetwork(1), parseTopology(RING), { ways: 'static' });
    const { ways } = world.link('h2', 'r4');
    expect(ways.map(({ shape }) => shape.bytesPerSecond)).toEqual([1_250_000, 125_000]);
    expect(world.link('r1', 'r2').ways[0].shape).toEqual(linkPresets.metro.there);
  });

  it('goes on after a restart of a router, which has forgotten everything', () => {
    for (const ways of ['static', 'found'] as const) {
      const world = new TopologyNetwork(new SimNetwork(5), parseTopology(RING), { ways });
      world.settle();
      const before = world.node('r1');
      before.pause();
      world.network.runFor(100);
      const after = world.restart('r1');
      expect(after).not.toBe(before);
      expect(after.stack.hid.equals(before.stack.hid)).toBe(true);
      // A host hears in the next beacon that its router has begun anew; the routers find each other in a second.
      world.network.runFor(ways === 'static' ? 0 : 1000);
      expect(talk(world, 10), ways).toBeUndefined();
    }
  });
});
