import { describe, expect, it } from 'vitest';
import { hostDag } from 'xia-core';
import { Mesh, Pinger } from './mesh.js';
import { trace } from './tracer.js';

function movedVm(seed = 1) {
  const mesh = Mesh.ring(seed);
  const hosts = { a: mesh.host('HOST_A', 'R1A'), c: mesh.host('HOST_C', 'R2'), d: mesh.host('HOST_D', 'R3') };
  const vm = mesh.application('VM', hosts.a);
  const client = mesh.application('CLIENT', hosts.c);
  expect(mesh.settle()).toBe(true);
  const old = vm.stack.dag();
  return { mesh, network: mesh.network, hosts, vm, client, old };
}

describe('a correspondent of a node that moved', () => {
  it('sends by the shortest way again: no trombone', () => {
    const { mesh, network, hosts, vm, client, old } = movedVm();
    const before = trace(mesh, client, old);
    expect(before).toEqual(['HOST_C', 'R2', 'R1A', 'HOST_A', 'VM']);
    mesh.plug(vm, hosts.d);
    network.runFor(500);
    const during = trace(mesh, client, old);
    const after = trace(mesh, client, old);
    console.log(during, after, vm.stack.counters().mobility, client.stack.counters().mobility, mesh.routers.get('R1A')!.stack.counters().mobility);
    expect(after).toEqual(['HOST_C', 'R2', 'R3', 'HOST_D', 'VM']);
  });
});
