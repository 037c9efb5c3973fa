import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import type { ConnectionHandle } from '../../../xia-core/src/transport/stream-events.js';
import { ad, Host, Network, pattern, sid } from './network.js';

const LIMITS = {
  maxConnections: 6,
  maxLingering: 8,
  sendBufferBytes: 20_000,
  receiveWindowBytes: 20_000,
  idleTimeoutMs: 8_000,
  keepAliveMs: 2_000,
  lingerMs: 3_000,
};

/** Random commands on two hosts that exchange real, changed and replayed packets. */
function storm(seed: number, steps: number): { readonly network: Network; readonly hosts: readonly Host[]; readonly peak: number } {
  const rng = new SeededRandom(seed);
  const network = new Network(seed, { delayMs: 1 + rng.below(20), jitterMs: rng.below(20), loss: rng.unit() * 0.2, duplication: 0.1 });
  const hosts = [new Host(network, 'a', seed * 2 + 1, { limits: LIMITS }), new Host(network, 'b', seed * 2 + 2, { limits: LIMITS })];
  const handles: ConnectionHandle[] = [];
  const seen: Uint8Array[] = [];
  network.filter = ({ bytes }) => {
    if (seen.length < 200) seen.push(bytes.slice());
    else seen[rng.below(200)] = bytes.slice();
    if (rng.below(20) === 0) bytes[rng.below(bytes.length)] = rng.below(256);
    return false;
  };
  for (const host of hosts) {
    host.endpoint.listen(sid('1'), { backlog: 3 });
    host.onEvent = (event) => {
      if (event.kind === 'accepted' || event.kind === 'connected') handles.push(event.connection);
      const dice = rng.below(12);
      if (dice === 0) event.connection.reset(rng.below(1000), network.now);
      else if (dice < 5) event.connection.write(pattern(rng.below(3000), dice), network.now);
      else if (dice < 9) event.connection.read(1 + rng.below(5000), network.now);
      else if (dice === 9) event.connection.end(network.now);
    };
  }
  let peak = 0;
  for (let step = 0; step < steps; step++) {
    const host = hosts[rng.below(2)]!;
    const other = hosts[0] === host ? hosts[1]! : hosts[0]!;
    const handle = handles.length === 0 ? undefined : handles[rng.below(handles.length)];
    const { now } = network;
    switch (rng.below(11)) {
      case 0:
        if (host.endpoint.size < LIMITS.maxConnections)
          host.endpoint.connect(other.dag(sid(rng.below(8) === 0 ? '9' : '1')), sid('2'), now);
        break;
      case 1:
      case 2:
        handle?.write(pattern(rng.below(8000), step), now);
        break;
      case 3:
        handle?.read(1 + rng.below(8000), now);
        break;
      case 4:
        if (rng.below(4) === 0) handle?.end(now);
        break;
      case 5:
        if (rng.below(8) === 0) handle?.reset(rng.below(2 ** 31) * 4, now);
        break;
      case 6:
        if (rng.below(4) === 0) host.ad = ad('abcdef'[rng.below(6)]!);
        host.endpoint.addressChanged(now);
        break;
      case 7: {
        const bytes = seen.length === 0 ? rng.bytes(rng.below(200)) : seen[rng.below(seen.length)]!.slice();
        for (let i = rng.below(4); i > 0 && bytes.length > 0; i--) bytes[rng.below(bytes.length)] = rng.below(256);
        host.endpoint.handlePacket(bytes, other.dag(sid('2')), sid('1'), now);
        break;
      }
      case 8:
        host.endpoint.handlePacket(rng.bytes(rng.below(100)), other.dag(sid('2')), sid('1'), now);
        break;
      default:
        network.run(rng.below(200));
    }
    for (const { endpoint } of hosts) {
      peak = Math.max(peak, endpoint.size, endpoint.lingering);
      for (const connection of endpoint.connections()) {
        const { bytesInFlight } = connection.stats;
        if (connection.readable() > LIMITS.receiveWindowBytes || connection.writable() > LIMITS.sendBufferBytes || bytesInFlight < 0) {
          throw new Error(`seed ${seed}: a bound is broken`);
        }
      }
    }
  }
  return { network, hosts, peak };
}

describe('random commands and packets', () => {
  it('never throw, keep every bound, and leave nothing behind', () => {
    for (let seed = 0; seed < 120; seed++) {
      const { network, hosts, peak } = storm(seed, 200);
      expect(peak, `seed ${seed}`).toBeLessThanOrEqual(LIMITS.maxLingering);
      for (const host of hosts) {
        host.onEvent = () => {};
        for (const connection of Array.from(host.endpoint.connections())) connection.reset(0, network.now);
      }
      network.filter = () => true;
      network.run(60_000);
      for (const host of hosts) {
        expect([host.endpoint.size, host.endpoint.lingering], `seed ${seed}`).toEqual([0, 0]);
        expect(host.endpoint.nextTimeout(), `seed ${seed}`).toBe(Infinity);
        const closed = host.events.filter(({ kind }) => kind === 'closed').map(({ connection }) => connection.id);
        expect(new Set(closed).size, `seed ${seed}`).toBe(closed.length);
      }
    }
  });

  it('tell nothing of a connection after its end', () => {
    for (let seed = 200; seed < 260; seed++) {
      for (const { events } of storm(seed, 150).hosts) {
        const over = new Set<number>();
        for (const { kind, connection } of events) {
          expect(over.has(connection.id), `seed ${seed}: ${kind}`).toBe(false);
          if (kind === 'closed') over.add(connection.id);
        }
      }
    }
  });
});
