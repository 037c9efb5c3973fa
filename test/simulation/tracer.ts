import type { Dag } from 'xia-core';
import type { Mesh } from './mesh.js';
import type { SimNode } from './network.js';

const MOST_HOPS = 16;

/** The names of the nodes on the way of an echo, the target last, as xtraceroute finds them; all hops are asked for at once. */
export function trace(mesh: Mesh, from: SimNode, to: Dag, limitMs = 1000): string[] {
  const { network } = mesh;
  const { echoes } = from.stack;
  const names: string[] = [];
  const nameOf = (answer: Dag): string =>
    network.nodes.find(({ stack }) => answer.nodes.some(({ xid }) => xid.equals(stack.hid)))?.name ?? answer.toString();
  let reachedAt = MOST_HOPS;
  const id = echoes.open((answer) => {
    names[answer.sequence] ??= nameOf(answer.from);
    if (answer.kind === 'reply') reachedAt = Math.min(reachedAt, answer.sequence);
  });
  from.enter((now) => {
    for (let hop = 1; hop <= MOST_HOPS; hop++) from.stack.sendEcho(to, echoes.message(id, hop, new Uint8Array(56)), hop, now);
  });
  network.runFor(limitMs);
  echoes.close(id);
  return names.slice(1, reachedAt + 1);
}
