import { describe, expect, it } from 'vitest';
import type { RouteSource } from 'xia-core';
import { RouteInvariants } from './invariants.js';
import { Mesh } from './mesh.js';
import type { SimNode } from './network.js';

/** A ring of AD1, AD2 and AD3 with a VM in AD1; its ways are watched. */
function watched() {
  const mesh = Mesh.ring(1);
  const host = mesh.host('HOST', 'R1A');
  const vm = mesh.application('VM', host);
  expect(mesh.settle()).toBe(true);
  mesh.network.runFor(300);
  const ads = ['AD1', 'AD2', 'AD3'].map((name) => mesh.ad(name));
  const invariants = new RouteInvariants(mesh.network, [vm.stack.hid], ads);
  /** Lets a router send packets for the VM to another one. */
  const turn = (name: string, to: string, by: RouteSource = 'binding'): void => {
    const router = mesh.routers.get(name)!;
    const hop = { face: faceTo(router, mesh.routers.get(to)!), neighbour: 1 };
    router.enter(() => router.stack.rib.set(by, vm.stack.hid, hop, { sequence: Number.MAX_SAFE_INTEGER }));
  };
  return { mesh, host, vm, ads, invariants, turn };
}

function faceTo(from: SimNode, to: SimNode): number {
  return [...from.links].find(([, { ends }]) => ends.some(({ node }) => node === to))![0];
}

describe('the watch over the ways to a node that moves', () => {
  it('is content with a network at rest', () => {
    const { mesh, vm, ads, invariants } = watched();
    mesh.network.runFor(2000);
    expect(invariants.fault).toBe(undefined);
    expect(invariants.unreached(vm.stack.hid, [ads[0]!])).toBe(undefined);
  });

  it('finds a loop in the moment that it is made', () => {
    const { invariants, turn } = watched();
    // By the address of AD1, at its routers; what comes back from there has passed the AD.
    turn('R1A', 'R2');
    expect(invariants.fault).toBe(undefined);
    turn('R2', 'R3');
    expect(invariants.fault).toBe(undefined);
    turn('R3', 'R1B');
    expect(invariants.fault).toMatch(/a loop: node 1 from .*R3 .*R1B .*loop/);
  });

  it.each(['link-state', 'binding'] as const)('tells a loop of routing alone from one that a binding has a part in: %s', (source) => {
    const { invariants, turn } = watched();
    turn('R1A', 'R2', 'link-state');
    turn('R2', 'R3', source);
    turn('R3', 'R1B', 'link-state');
    turn('R1B', 'R1A', 'link-state');
    if (source === 'binding') expect(invariants.fault).toMatch(/a loop/);
    else expect(invariants.fault).toBe(undefined);
    expect(invariants.routingLoops > 0).toBe(source === 'link-state');
  });

  it('takes no offence at a packet that would be sent back and is dropped', () => {
    const { invariants, turn } = watched();
    turn('R1A', 'R2');
    turn('R2', 'R1A');
    expect(invariants.fault).toBe(undefined);
  });

  it('says who does not reach the node', () => {
    const { vm, ads, invariants, turn } = watched();
    turn('R1A', 'R2');
    expect(invariants.unreached(vm.stack.hid, [ads[0]!])).toContain('dropped by AD 1');
    // AD2 knows nothing of the VM.
    expect(invariants.unreached(vm.stack.hid, [ads[1]!])).toMatch(/dropped by AD 2$/);
  });

  it('finds a sequence that goes back', () => {
    const { mesh, host, vm, invariants } = watched();
    const entry = host.stack.mobility.binding(vm.stack.hid)!;
    Object.assign(entry, { sequence: entry.sequence - 1 });
    host.enter(() => {});
    expect(invariants.fault).toMatch(/HOST went back from sequence/);
    expect(mesh.network.now).toBeGreaterThan(0);
  });
});
