import { describe, expect, it } from 'vitest';
import type { Dag } from 'xia-core';
import { MigrationWorld } from './migration-world.js';

/** Lossy, slow and out of order: a jitter far above the time between packets. */
const BAD_LINKS = { delayMs: 3, jitterMs: 6, jitterReorders: true, loss: 0.05, duplicate: 0.01 };
const SEEDS = 200;
const SEEDS_A_TEST = 20;
const MEMORY_BYTES = 100_000;

function migrateOnce(seed: number): { world: MigrationWorld; oldDag: Dag; fault: string | undefined } {
  const world = new MigrationWorld(seed, BAD_LINKS);
  const { network, vm, ads } = world;
  expect(world.settle(), 'everybody attached and named').toBe(true);
  const oldDag = vm.stack.dag();
  expect(oldDag.nodes[0]?.xid.equals(ads[0])).toBe(true);
  const conversation = world.converse();
  expect(
    network.runUntil(() => conversation.ends.every((end) => end.received > 0), 10_000),
    'they talk',
  ).toBe(true);
  expect(world.migrate(network.rng.bytes(MEMORY_BYTES), 50 + network.rng.below(400), seed % 2 === 0), 'the memory arrived').toBe(true);
  expect(
    network.runUntil(() => vm.stack.ad?.equals(ads[2]) === true, 10_000),
    'the VM noticed',
  ).toBe(true);
  network.runFor(1000);
  conversation.stop();
  expect(
    network.runUntil(() => conversation.isOver, 60_000),
    'the stream ended',
  ).toBe(true);
  return { world, oldDag, fault: conversation.fault() };
}

describe('a VM moves to another AD over lossy links', () => {
  it.each(Array.from({ length: SEEDS / SEEDS_A_TEST }, (_, block) => block * SEEDS_A_TEST))(
    'keeps every stream, seeds from %i',
    (first) => {
      for (let seed = first; seed < first + SEEDS_A_TEST; seed++) {
        const { world, oldDag, fault } = migrateOnce(seed);
        const { hosts, routers, ads } = world;
        expect(fault, `seed ${seed}`).toBe(undefined);
        // A third of all registrations is lost on the way, and so is a third of the questions.
        const says = (): boolean => world.resolved()?.nodes[0]?.xid.equals(ads[2]) === true;
        expect(Array.from({ length: 10 }).some(says), `seed ${seed}: the name says AD2`).toBe(true);
        // Routers may have lost each other for a moment, when some hellos in a row were lost.
        world.network.runUntil(() => world.hopsToVm(hosts.a) !== undefined && world.hopsToVm(routers[0]) !== undefined, 2000);
        expect(world.hopsToVm(hosts.a), `seed ${seed}`).toEqual(['HOST_A', 'R1', 'RT', 'R2', 'HOST_B', 'VM']);
        expect(world.hopsToVm(routers[0]), `seed ${seed}`).toEqual(['R1', 'RT', 'R2', 'HOST_B', 'VM']);
        // The way there and back crosses eight lossy links.
        expect(world.echoes(oldDag, 20), `seed ${seed}: the old address answers`).toBeGreaterThanOrEqual(6);
      }
    },
    // Nothing here waits for the clock; a machine with much else to do needs longer.
    120_000,
  );

  it('is the same run for the same seed', () => {
    const [one, two] = [migrateOnce(7).world.network, migrateOnce(7).world.network];
    expect(two.now).toBe(one.now);
    expect(two.packets).toBe(one.packets);
  });
});
