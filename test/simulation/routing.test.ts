import { describe, expect, it } from 'vitest';
import { hostDag } from 'xia-core';
import { Mesh, Pinger } from './mesh.js';

const seeds = [1, 2, 3];

describe('a ring of routers', () => {
  it.each(seeds)('goes on within a second when a router or a link dies without a word, seed %i', (seed) => {
    const mesh = Mesh.ring(seed, { delayMs: 2, jitterMs: 1, jitterReorders: true });
    const { network } = mesh;
    const client = mesh.application('CLIENT', mesh.host('HOST_A', 'R1A'));
    const server = mesh.application('SERVER', mesh.host('HOST_D', 'R3'));
    expect(mesh.settle()).toBe(true);
    const pinger = new Pinger(mesh, client, () => server.stack.dag());
    network.runFor(1000);
    expect(pinger.longestGapMs(network.now)).toBeLessThan(60);
    const isViaR2 = network.rng.below(2) === 0;
    if (isViaR2) mesh.routers.get('R2')!.pause();
    else mesh.setLink('R1A-R2', false);
    network.runFor(3000);
    expect(pinger.longestGapMs(network.now)).toBeLessThan(1000);
    // And back, with no loss to speak of.
    if (isViaR2) mesh.restart('R2', 'AD2');
    else mesh.setLink('R1A-R2', true);
    network.runFor(2000);
    expect(mesh.converged()).toBe(true);
    mesh.setLink('R3-R1B', false);
    network.runFor(3000);
    expect(pinger.longestGapMs(network.now)).toBeLessThan(1000);
  });

  it('falls into two parts and grows together again', () => {
    const mesh = Mesh.ring(1);
    const { network } = mesh;
    expect(mesh.settle()).toBe(true);
    mesh.setLink('R1A-R2', false);
    mesh.setLink('R3-R1B', false);
    network.runFor(1500);
    const { stack } = mesh.routers.get('R1B')!;
    expect(stack.engine.nextHop(mesh.ad('AD3'))).toBeUndefined();
    expect(stack.engine.nextHop(mesh.routers.get('R1A')!.stack.hid)).toBeDefined();
    mesh.setLink('R1A-R2', true);
    mesh.setLink('R3-R1B', true);
    expect(network.runUntil(() => mesh.converged(), 1500)).toBe(true);
  });

  it('lets a static route count before what it finds, and goes back to that', () => {
    const mesh = Mesh.ring(1);
    expect(mesh.settle()).toBe(true);
    const { stack } = mesh.routers.get('R1A')!;
    const found = stack.engine.nextHop(mesh.ad('AD2'))!;
    const other = { face: stack.faces.byName('peer0')!, neighbour: 0 };
    stack.addRoute(mesh.ad('AD2'), other);
    expect(stack.engine.nextHop(mesh.ad('AD2'))).toEqual(other);
    expect(stack.rib.chosen(mesh.ad('AD2'))?.source).toBe('static');
    stack.rib.delete('static', mesh.ad('AD2'));
    expect(stack.engine.nextHop(mesh.ad('AD2'))).toEqual(found);
  });

  it('is not listened to on access faces', () => {
    const mesh = Mesh.ring(1);
    const stranger = mesh.application('STRANGER', 'R1A');
    expect(mesh.settle()).toBe(true);
    const { stack } = mesh.routers.get('R1A')!;
    stranger.enter((now) => stack.routing!.handleMessage(stack.faces.byName('access0')!, 1, new Uint8Array(40), now, now));
    expect(stack.routing!.counters()['not-from-peer']).toBe(1);
  });

  it('can be switched off', () => {
    const mesh = new Mesh(1);
    expect(mesh.router('R1', 'AD1').stack.routing).toBeDefined();
    expect(mesh.application('A', 'R1').stack.routing).toBeUndefined();
  });
});

describe('an AD with two routers', () => {
  it('knows at both who is bound at either', () => {
    const mesh = Mesh.ring(1);
    const vm = mesh.application('VM', mesh.host('HOST_A', 'R1A'));
    const client = mesh.application('CLIENT', 'R3');
    expect(mesh.settle()).toBe(true);
    mesh.network.runFor(500);
    const { stack } = mesh.routers.get('R1B')!;
    expect(stack.rib.chosen(vm.stack.hid)?.source).toBe('link-state');
    // The way from AD3 enters AD1 by R1B.
    const pinger = new Pinger(mesh, client, () => vm.stack.dag());
    mesh.network.runFor(1000);
    expect(pinger.longestGapMs(mesh.network.now)).toBeLessThan(60);
  });

  it.each(seeds)('finds a machine that moves between its routers, and patches at once, seed %i', (seed) => {
    const mesh = Mesh.ring(seed, { delayMs: 1, jitterMs: 0.5, jitterReorders: true });
    const { network } = mesh;
    const [a, b] = [mesh.host('HOST_A', 'R1A'), mesh.host('HOST_C', 'R1B')];
    const vm = mesh.application('VM', a);
    const client = mesh.application('CLIENT', 'R2');
    expect(mesh.settle()).toBe(true);
    network.runFor(500);
    const pinger = new Pinger(mesh, client, () => hostDag(mesh.ad('AD1'), vm.stack.hid));
    for (const place of [b, a, b]) {
      network.runFor(1000);
      mesh.plug(vm, place);
      expect(mesh.runChecked(vm.stack.hid, 2000)).toBeUndefined();
      expect(vm.stack.mobility.attachment?.accessPoint.equals(place.stack.hid)).toBe(true);
    }
    // A renewal later everything is as before: link-state took over from the patches.
    expect(mesh.runChecked(vm.stack.hid, 12_000)).toBeUndefined();
    expect(pinger.longestGapMs(network.now)).toBeLessThan(400);
  });
});

describe('a host that hears two routers of one AD', () => {
  it('stays at one, and goes to the other with its guests when that dies', () => {
    const mesh = Mesh.ring(1);
    const { network } = mesh;
    const host = mesh.hostBetween('HOST', ['R1A', 'R1B']);
    const vm = mesh.application('VM', host);
    const client = mesh.application('CLIENT', 'R3');
    expect(mesh.settle()).toBe(true);
    network.runFor(500);
    const first = host.stack.mobility.attachment!.router;
    let moves = 0;
    host.onEvent = (event) => {
      if (event.layer === 'mobility' && event.event.kind === 'moved') moves++;
    };
    expect(mesh.runChecked(vm.stack.hid, 5000)).toBeUndefined();
    expect(moves).toBe(0);
    const pinger = new Pinger(mesh, client, () => vm.stack.dag());
    network.runFor(500);
    [...mesh.routers.values()].find(({ stack }) => stack.hid.equals(first))!.pause();
    expect(mesh.runChecked(vm.stack.hid, 6000)).toBeUndefined();
    expect(moves).toBe(1);
    expect(host.stack.ad?.equals(mesh.ad('AD1'))).toBe(true);
    expect(vm.stack.mobility.attachment!.router.equals(first)).toBe(false);
    pinger.stop();
    network.runFor(500);
    // The lifetime of a beacon, after which its router counts as silent, and the time to bind elsewhere.
    expect(pinger.longestGapMs(network.now - 500)).toBeLessThan(2500);
  });
});

describe('two ADs with two border routers each', () => {
  function pairs(seed: number): Mesh {
    const mesh = new Mesh(seed, { delayMs: 1, jitterMs: 0.5, jitterReorders: true });
    for (const name of ['R1A', 'R1B', 'R2A', 'R2B']) mesh.router(name, `AD${name[1]}`);
    for (const [x, y] of ['R1A-R1B', 'R2A-R2B', 'R1A-R2A', 'R1B-R2B'].map((link) => link.split('-'))) mesh.link(x!, y!);
    return mesh;
  }

  it.each(seeds)('reach a machine at its old address wherever it goes, and never in a circle, seed %i', (seed) => {
    const mesh = pairs(seed);
    const { network } = mesh;
    const hosts = ['R1A', 'R1B', 'R2A', 'R2B'].map((router) => mesh.host(`HOST_${router}`, router));
    const vm = mesh.application('VM', hosts[0]!);
    const client = mesh.application('CLIENT', 'R1B');
    expect(mesh.settle()).toBe(true);
    network.runFor(500);
    const old = hostDag(mesh.ad('AD1'), vm.stack.hid);
    let place = hosts[0]!;
    for (let move = 0; move < 8; move++) {
      place = hosts.filter((host) => host !== place)[network.rng.below(3)]!;
      mesh.plug(vm, place);
      expect(mesh.runChecked(vm.stack.hid, 1500)).toBeUndefined();
      expect(vm.stack.mobility.attachment?.accessPoint.equals(place.stack.hid)).toBe(true);
      const pinger = new Pinger(mesh, client, () => old);
      expect(mesh.runChecked(vm.stack.hid, 500)).toBeUndefined();
      pinger.stop();
      expect(pinger.answered.size).toBeGreaterThan(20);
    }
  });

  it.each(seeds)('keep the old address alive when the way to it turns, seed %i', (seed) => {
    const mesh = pairs(seed);
    const { network } = mesh;
    const [old, next] = [mesh.host('HOST_OLD', 'R1A'), mesh.host('HOST_NEW', 'R2A')];
    const vm = mesh.application('VM', old);
    const client = mesh.application('CLIENT', 'R1A');
    expect(mesh.settle()).toBe(true);
    mesh.plug(vm, next);
    expect(mesh.runChecked(vm.stack.hid, 1500)).toBeUndefined();
    const pinger = new Pinger(mesh, client, () => hostDag(mesh.ad('AD1'), vm.stack.hid));
    expect(mesh.runChecked(vm.stack.hid, 500)).toBeUndefined();
    mesh.setLink('R1A-R2A', false);
    expect(mesh.runChecked(vm.stack.hid, 3000)).toBeUndefined();
    expect(pinger.longestGapMs(network.now)).toBeLessThan(1500);
    mesh.setLink('R1A-R2A', true);
    expect(mesh.runChecked(vm.stack.hid, 3000)).toBeUndefined();
    expect(pinger.longestGapMs(network.now)).toBeLessThan(1500);
  });
});
