import { describe, expect, it } from 'vitest';
import {
  contentDag,
  hostDag,
  MemoryRecordStore,
  NameServerCore,
  PrincipalType,
  SID_NAME_SERVICE,
  Xid,
  type Dag,
  type NameEvent,
} from 'xia-core';
import { onLayer } from './killable-world.js';
import { Mesh, Pinger } from './mesh.js';
import type { SimNode } from './network.js';
import { simCrypto } from './sim-identity.js';
import { trace } from './tracer.js';

const SERVICE = Xid.of(PrincipalType.SID, '5e'.repeat(20));
const CLIENT_SID = Xid.of(PrincipalType.SID, 'c1'.repeat(20));
const SHAPE = { delayMs: 1, bytesPerSecond: 2e6 };
const CHUNK_BYTES = 1_000_000;

/** A ring of routers; a machine in AD1, which moves to AD3, and a client in AD2, next to both. */
function ring() {
  const mesh = Mesh.ring(1, SHAPE);
  const { network } = mesh;
  const hosts = { a: mesh.host('HOST_A', 'R1A'), c: mesh.host('HOST_C', 'R2'), d: mesh.host('HOST_D', 'R3') };
  const vm = mesh.application('VM', hosts.a);
  const client = mesh.application('CLIENT', hosts.c);
  expect(mesh.settle()).toBe(true);
  const old = vm.stack.dag();
  const move = (ms = 300): void => {
    mesh.plug(vm, hosts.d);
    network.runFor(ms);
    expect(vm.stack.ad?.equals(mesh.ad('AD3'))).toBe(true);
  };
  return { mesh, network, hosts, vm, client, old, move };
}

/** How many packets a router sends on, or far away itself, while something happens. */
function passing(router: SimNode, action: () => void): number {
  const before = router.stack.engine.counters().forwarded;
  action();
  return router.stack.engine.counters().forwarded - before;
}

const R1A = (mesh: Mesh) => mesh.routers.get('R1A')!;

describe('echoes to the old address of a machine that moved', () => {
  it('go by the shortest way before, make one detour, and go by the shortest way again: no trombone', () => {
    const { mesh, vm, client, old, move } = ring();
    expect(trace(mesh, client, old)).toEqual(['HOST_C', 'R2', 'R1A', 'HOST_A', 'VM']);
    move();
    expect(trace(mesh, client, old, 300)).toEqual(['HOST_C', 'R2', 'R1A', 'R1B', 'R3', 'HOST_D', 'VM']);
    expect(passing(R1A(mesh), () => expect(trace(mesh, client, old)).toEqual(['HOST_C', 'R2', 'R3', 'HOST_D', 'VM']))).toBe(0);
    // And so on wherever it goes next: to the client's own host.
    mesh.plug(
      vm,
      mesh.network.nodes.find(({ name }) => name === 'HOST_C')!,
    );
    mesh.network.runFor(300);
    trace(mesh, client, old, 300);
    expect(trace(mesh, client, old)).toEqual(['HOST_C', 'VM']);
    // And back.
    mesh.plug(
      vm,
      mesh.network.nodes.find(({ name }) => name === 'HOST_A')!,
    );
    mesh.network.runFor(300);
    trace(mesh, client, old, 300);
    expect(trace(mesh, client, old)).toEqual(['HOST_C', 'R2', 'R1A', 'HOST_A', 'VM']);
  });

  it('are not lost when what was learnt expires, is renewed, or fails', () => {
    const { mesh, network, client, vm, old, move } = ring();
    const pinger = new Pinger(mesh, client, () => old, 100);
    move();
    network.runFor(65_000);
    const { counters } = client.stack.mobility;
    expect(counters.get('redirect:accepted')).toBeGreaterThan(2);
    expect(counters.get('redirect:accepted')).toBeLessThan(5);
    // The new router forgets everything; what the client knows is wrong for a moment.
    mesh.restart('R3', 'AD3');
    network.runFor(15_000);
    pinger.stop();
    expect(vm.stack.mobility.attachmentState).toBe('bound');
    const last = Math.max(...pinger.answered.keys());
    expect(last).toBeGreaterThan(pinger.sentAt.length - 3);
    const lost = pinger.sentAt.length - pinger.answered.size;
    expect(lost).toBeLessThan(60);
  });

  it('between two machines that move at once end on the shortest way, too', () => {
    const { mesh, network, hosts, vm, client } = ring();
    const { a, d } = hosts;
    const [oldVm, oldClient] = [vm.stack.dag(), client.stack.dag()];
    const pingers = [new Pinger(mesh, client, () => oldVm), new Pinger(mesh, vm, () => oldClient)];
    network.runFor(200);
    mesh.plug(vm, d);
    mesh.plug(client, a);
    network.runFor(1000);
    for (const pinger of pingers) expect(pinger.longestGapMs(network.now)).toBeLessThan(300);
    const shortest = ['HOST_A', 'R1A', 'R2', 'R3', 'HOST_D', 'VM'];
    const other = ['HOST_A', 'R1A', 'R1B', 'R3', 'HOST_D', 'VM'];
    expect([shortest, other]).toContainEqual(trace(mesh, client, oldVm));
    const back = trace(mesh, vm, oldClient);
    expect(back).toHaveLength(6);
    expect(back.at(-1)).toBe('CLIENT');
  });
});

describe('whatever else goes to the old address', () => {
  it('datagrams', () => {
    const { mesh, network, vm, client, move } = ring();
    const [from, to] = [client.stack.datagrams.open(), vm.stack.datagrams.open(SERVICE)];
    client.stack.bindService(from.sid);
    vm.stack.bindService(SERVICE);
    const old = vm.stack.dag(SERVICE);
    let got = 0;
    onLayer(vm, 'datagram', () => {
      while (to.receive() !== undefined) got++;
    });
    const send = (count: number): void => {
      for (let n = 0; n < count; n++) {
        client.enter(() => from.send(old, new Uint8Array(200)));
        network.runFor(10);
      }
    };
    move();
    expect(
      passing(R1A(mesh), () => send(20)),
      'the redirect takes a round trip',
    ).toBeLessThan(8);
    expect(passing(R1A(mesh), () => send(100))).toBe(0);
    network.runFor(50);
    expect(got).toBe(120);
  });

  it('fetches, under way and new ones', () => {
    const { mesh, network, vm, client, move } = ring();
    const fetched: boolean[] = [];
    onLayer(client, 'fetch', ({ event }) => void fetched.push(event.kind === 'done'));
    const ad = vm.stack.ad;
    const fetchNew = (id: number): void => {
      const content = network.rng.bytes(CHUNK_BYTES);
      const cid = simCrypto.hash(content).slice();
      vm.enter((now) => vm.stack.content.publish(cid, content, now));
      const dag = contentDag(ad, vm.stack.hid, new Xid(PrincipalType.CID, cid));
      client.enter((now) => client.stack.fetcher.fetch(dag, now, { id }));
    };
    fetchNew(1);
    network.runFor(150);
    expect(fetched).toEqual([]);
    move();
    expect(network.runUntil(() => fetched.length === 1, 5000)).toBe(true);
    const passed = passing(R1A(mesh), () => {
      fetchNew(2);
      network.runUntil(() => fetched.length === 2, 5000);
    });
    expect([fetched, passed]).toEqual([[true, true], 0]);
  });

  it('new connections', () => {
    const { mesh, network, vm, client, move } = ring();
    vm.stack.bindService(SERVICE);
    vm.stack.streams.listen(SERVICE);
    client.stack.bindService(CLIENT_SID);
    const old = vm.stack.dag(SERVICE);
    let got = 0;
    onLayer(vm, 'stream', ({ event }) => {
      if (event.kind !== 'readable') return;
      for (let bytes = event.connection.read(65_536, network.now); bytes !== undefined; bytes = event.connection.read(65_536, network.now))
        got += bytes.length;
    });
    move();
    const connection = client.enter((now) => client.stack.streams.connect(old, CLIENT_SID, now));
    const bytes = new Uint8Array(300_000);
    const passed = passing(R1A(mesh), () => {
      client.enter((now) => connection.write(bytes, now));
      network.runUntil(() => got === bytes.length, 3000);
    });
    expect(got).toBe(bytes.length);
    // Of some 220: what left before the redirect came, and what came that way.
    expect(passed).toBeLessThan(40);
  });
});

describe('names', () => {
  function named() {
    const mesh = Mesh.ring(1, SHAPE);
    const { network } = mesh;
    const hosts = { a: mesh.host('HOST_A', 'R1A'), c: mesh.host('HOST_C', 'R2'), d: mesh.host('HOST_D', 'R3') };
    const names = mesh.application('NAMES', hosts.c);
    const [vm, client] = [mesh.application('VM', hosts.a), mesh.application('CLIENT', hosts.c)];
    expect(mesh.settle()).toBe(true);
    const registered: { at: number; address: string }[] = [];
    serveNames(names, (at, dag) => registered.push({ at, address: dag.toString() }));
    for (const node of [vm, client]) node.enter((now) => node.stack.setNameServer(names.stack.dag(SID_NAME_SERVICE), now));
    const answers: NameEvent[] = [];
    onLayer(client, 'name', ({ event }) => void answers.push(event));
    vm.enter((now) => vm.stack.keepName('vm.xia', undefined, 60_000, 1, now));
    network.runFor(100);
    const resolve = (id: number): string | undefined => {
      client.enter((now) => client.stack.resolve('vm.xia', id, now));
      network.runFor(50);
      const answer = answers.at(-1);
      return answer?.id === id && answer.kind === 'resolved' ? answer.dag.toString() : undefined;
    };
    const at = (ad: string) => hostDag(mesh.ad(ad), vm.stack.hid).toString();
    return { mesh, network, hosts, vm, client, names, registered, resolve, at };
  }

  it('are registered anew in the turn in which the binding is accepted', () => {
    const { mesh, network, hosts, vm, registered, at } = named();
    let movedAt = NaN;
    onLayer(vm, 'mobility', ({ event }) => {
      if (event.kind === 'attached' || event.kind === 'moved') movedAt = network.now;
    });
    mesh.plug(vm, hosts.d);
    network.runFor(200);
    // VM, HOST_D, R3, R2, HOST_C, NAMES: five links, and nothing else.
    expect(registered.at(-1)).toMatchObject({ address: at('AD3') });
    expect(registered.at(-1)!.at - movedAt).toBeLessThan(4.5);
  });

  it('are registered at another server as soon as that is known, again and again until it answers', () => {
    const { mesh, network, hosts, vm, at } = named();
    const second = mesh.application('NAMES2', hosts.d);
    second.enter((now) => second.stack.handleTimeout(now));
    network.runFor(300);
    second.pause();
    vm.enter((now) => vm.stack.setNameServer(second.stack.dag(SID_NAME_SERVICE), now));
    const later: string[] = [];
    serveNames(second, (_at, dag) => void later.push(dag.toString()));
    network.runFor(7000);
    second.resume();
    network.runFor(2000);
    expect(later).toEqual([at('AD1')]);
  });

  it('are given out with the new address as soon as a redirect tells it, and asked for anew', () => {
    const { mesh, network, hosts, vm, client, resolve, at } = named();
    expect(resolve(1)).toBe(at('AD1'));
    const old = vm.stack.dag();
    mesh.plug(vm, hosts.d);
    network.runFor(300);
    expect(resolve(2), 'kept: nobody has said anything').toBe(at('AD1'));
    trace(mesh, client, old, 100);
    expect(resolve(3)).toBe(at('AD3'));
    expect(client.stack.names.counters.toJSON()).toMatchObject({ 'cache:refreshed': 1, 'cache:hit': 2 });
  });

  it('lead to a machine whose old place is gone, and whoever sends there finds it', () => {
    const { mesh, network, hosts, vm, client, resolve, at } = named();
    expect(resolve(1)).toBe(at('AD1'));
    const old = vm.stack.dag();
    mesh.plug(vm, hosts.d);
    network.runFor(300);
    for (const name of ['R1A', 'R1B']) mesh.routers.get(name)!.pause();
    const pinger = new Pinger(mesh, client, () => old, 100);
    network.runFor(5000);
    pinger.stop();
    expect(client.stack.names.counters.toJSON()).toMatchObject({ 'cache:failed': 1 });
    expect(resolve(2)).toBe(at('AD3'));
    expect(Math.max(...pinger.answered.keys())).toBe(pinger.sentAt.length - 1);
  });
});

/** A name server on a node, that tells what is registered. */
function serveNames(node: SimNode, onRegistered: (at: number, dag: Dag) => void): void {
  const socket = node.stack.datagrams.open(SID_NAME_SERVICE);
  node.stack.bindService(SID_NAME_SERVICE);
  const store = new MemoryRecordStore();
  const server = new NameServerCore({ crypto: simCrypto, store, send: (to, payload) => socket.send(to, payload) });
  onLayer(node, 'datagram', ({ socket: readable }) => {
    if (readable !== socket) return;
    for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
      const { payload, source } = datagram;
      node.enter((now) => {
        const before = server.counters.get('register:ok');
        server.handle(payload, source, now, now + node.stack.wallOffsetMs);
        const [ad, hid] = [source.find(PrincipalType.AD), source.find(PrincipalType.HID)];
        if (server.counters.get('register:ok') > before) onRegistered(now, hostDag(ad, hid!));
      });
    }
  });
}
