import { describe, expect, it } from 'vitest';
import { placesOf, RouteInvariants } from './invariants.js';
import { Mesh } from './mesh.js';
import type { SimNode } from './network.js';

/** An AD1 of three routers in a row, only the first of which has a link to AD2; hosts at the last of them, and in AD2. */
function line() {
  const mesh = new Mesh(1);
  for (const [name, ad] of [
    ['R1A', 'AD1'],
    ['R1B', 'AD1'],
    ['R1C', 'AD1'],
    ['R2', 'AD2'],
  ] as const) {
    mesh.router(name, ad);
  }
  for (const [a, b] of [
    ['R2', 'R1A'],
    ['R1A', 'R1B'],
    ['R1B', 'R1C'],
  ] as const) {
    mesh.link(a, b);
  }
  const old = mesh.host('HOST_OLD', 'R1C');
  const next = mesh.host('HOST_NEXT', 'R2');
  const vm = mesh.application('VM', old);
  expect(mesh.settle()).toBe(true);
  mesh.network.runFor(500);
  const invariants = new RouteInvariants(mesh.network, [vm.stack.hid], [mesh.ad('AD1'), mesh.ad('AD2')]);
  const unreached = () => invariants.unreached(vm.stack.hid, placesOf(mesh.network, vm)!);
  return { mesh, old, next, vm, invariants, unreached };
}

function unplug(mesh: Mesh, node: SimNode): void {
  mesh.network.disconnect(node.links.get(node.stack.faces.byName('up')!)!);
}

describe('the routers of an AD that a VM has left', () => {
  it('all know the way when its router had lost it before it was told where it is', () => {
    const { mesh, old, next, vm, invariants, unreached } = line();
    // Its host goes first; the router takes back what it has said of everybody there.
    unplug(mesh, old);
    mesh.network.runFor(500);
    mesh.plug(vm, next);
    mesh.network.runFor(1000);
    expect(vm.stack.ad?.equals(mesh.ad('AD2'))).toBe(true);
    expect(unreached()).toMatch(/from HOST_OLD/);
    unplug(mesh, vm);
    mesh.plug(vm, next);
    mesh.plug(old, 'R1C');
    mesh.network.runFor(1000);
    expect(unreached()).toBe(undefined);
    expect(invariants.fault).toBe(undefined);
  });

  it('know it again a renewal after its router has restarted', () => {
    const { mesh, next, vm, invariants, unreached } = line();
    mesh.plug(vm, next);
    mesh.network.runFor(1000);
    expect(unreached()).toBe(undefined);
    for (const name of ['R1A', 'R1C']) {
      mesh.routers.get(name)!.pause();
      mesh.restart(name, 'AD1');
    }
    mesh.network.runFor(11_000);
    expect(unreached()).toBe(undefined);
    expect(invariants.fault).toBe(undefined);
  });
});
