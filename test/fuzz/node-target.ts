import type { Gauge, SeededRandom } from 'xia-core';
import { imbalances } from '../simulation/accounts.js';
import type { SimNode } from '../simulation/network.js';
import { realPackets } from './corpus.js';
import { Mutator } from './mutator.js';
import type { Runner, Target } from './target.js';
import { FuzzWorld, type SentPacket } from './world.js';

/** Of 256 steps, those that are no packet. */
const OPERATIONS_OF_256 = 20;
const ECHO_ID = 7;

class NodeRunner implements Runner {
  readonly #rng: SeededRandom;
  readonly #world: FuzzWorld;
  readonly #mutator: Mutator;
  #last = new Uint8Array(0);

  constructor(rng: SeededRandom, seed: number) {
    this.#rng = rng;
    this.#world = new FuzzWorld(seed, rng.below(4) > 0);
    const others = realPackets();
    this.#mutator = new Mutator(rng, () => (rng.below(16) === 0 ? others[rng.below(others.length)]! : this.#sent().packet));
  }

  step(): void {
    if (this.#rng.below(256) < OPERATIONS_OF_256) this.#operate();
    else this.#inject();
  }

  last(): Uint8Array {
    return this.#last;
  }

  faults(): string[] {
    this.#world.network.runFor(50);
    return this.#world.nodes.flatMap((node) =>
      [...imbalances(node.stack.counters()), ...node.stack.gauges().filter(isBroken).map(gaugeText), ...timerFaults(node)].map(
        (fault) => `${node.name}: ${fault}`,
      ),
    );
  }

  /** A packet of a kind that every kind is as likely to be. */
  #sent(): SentPacket {
    const kinds = [...this.#world.sent.values()];
    const ofKind = kinds[this.#rng.below(kinds.length)]!;
    return ofKind[this.#rng.below(ofKind.length)]!;
  }

  #inject(): void {
    if (this.#rng.below(3) === 0) return this.#injectAnywhere();
    const { node, face, packet: from } = this.#sent();
    const packet = this.#rng.below(4) === 0 ? this.#mutator.packet(from) : this.#mutator.message(from);
    this.#last = packet.slice();
    node.enter((now) => node.stack.receive(face, 1, packet, now));
  }

  #injectAnywhere(): void {
    const node = this.#node();
    const packet = this.#mutator.packet();
    this.#last = packet.slice();
    // Also a face that there is not: it may have been removed a moment ago.
    const face = this.#rng.below(64) === 0 ? 9 : 1 + this.#rng.below([...node.stack.faces.entries()].length);
    const neighbour = this.#rng.below(8) === 0 ? this.#rng.below(70) : 1;
    node.enter((now) => node.stack.receive(face, neighbour, packet, now));
  }

  #node(): SimNode {
    return this.#world.nodes[this.#rng.below(this.#world.nodes.length)]!;
  }

  #operate(): void {
    const rng = this.#rng;
    const world = this.#world;
    const { client, network } = world;
    const connection = world.connections[rng.below(Math.max(1, world.connections.length))];
    const now = network.now;
    const owner = connection === undefined ? client : [client, world.server][rng.below(2)]!;
    switch (rng.below(18)) {
      case 0:
        return world.publish(rng.below(90_000));
      case 1:
      case 2:
        return world.fetch(1 + rng.below(20));
      case 3:
        return client.enter(() => client.stack.fetcher.cancel(1 + rng.below(20), now));
      case 4:
        return world.connect();
      case 5:
        owner.enter(() => connection?.write(rng.bytes(rng.below(4000)), now));
        return;
      case 6:
        owner.enter(() => (rng.below(2) === 0 ? connection?.end(now) : connection?.reset(rng.below(100), now)));
        return;
      case 7:
        return client.enter(() =>
          client.stack.keepName(`n${rng.below(20)}.xia`, undefined, 500 + rng.below(5000), 1 + rng.below(100), now),
        );
      case 8:
        return client.enter(() =>
          rng.below(2) === 0 ? client.stack.resolve('client.xia', 1, now) : client.stack.dropName(`n${rng.below(20)}.xia`),
        );
      case 9:
        client.enter(() =>
          client.stack.sendEcho(world.server.stack.dag(), client.stack.echoes.message(ECHO_ID, 1, rng.bytes(20)), rng.below(4), now),
        );
        return;
      case 10:
        for (const socket of world.sockets) while (socket.receive() !== undefined);
        return;
      case 11:
        client.enter(() => world.sockets[1]!.send(world.server.stack.dag(world.sockets[0]!.sid), rng.bytes(rng.below(1500))));
        return;
      case 12:
        if (rng.below(16) === 0) world.flap(rng.below(5));
        return;
      case 13: {
        const node = this.#node();
        return node.enter(() =>
          rng.below(2) === 0 ? node.stack.announced(1 + rng.below(3), 1, now) : node.stack.mobility.hint('link', now),
        );
      }
      case 14: {
        const node = this.#node();
        if (!node.running || rng.below(4) > 0) return;
        node.pause();
        network.queue.at(now + rng.below(300), () => node.resume());
        return;
      }
      default:
        network.runFor(rng.below(4) === 0 ? rng.below(200) : rng.below(10));
    }
  }
}

function isBroken({ used, highWater, bound }: Gauge): boolean {
  return !(used >= 0 && used <= highWater && highWater <= bound);
}

function gaugeText({ name, used, highWater, bound }: Gauge): string {
  return `${name}: ${used} used, ${highWater} at most, the bound is ${bound}`;
}

function timerFaults({ stack }: SimNode): string[] {
  return Number.isNaN(stack.nextTimeout()) ? ['its next deadline is no number'] : [];
}

/** Whole nodes: changed packets between steps of time and calls of their owners. */
export const nodeTarget: Target = {
  name: 'node',
  batch: 25_000,
  start: (rng, seed) => new NodeRunner(rng, seed),
  replay: (bytes) => {
    for (const believesAll of [false, true]) {
      const world = new FuzzWorld(1, believesAll);
      for (const node of world.nodes) {
        for (const [face] of node.stack.faces.entries()) node.enter((now) => node.stack.receive(face, 1, bytes.slice(), now));
      }
    }
  },
};
