import { describe, expect, it } from 'vitest';
import { equalBytes } from '../../../xia-core/src/bytes/index.js';
import type { ConnectionHandle } from '../../../xia-core/src/transport/stream-events.js';
import type { StreamEndpointOptions } from '../../../xia-core/src/transport/stream-options.js';
import { StreamCode } from '../../../xia-core/src/wire/stream.js';
import { frameNames } from '../wire/stream-text.js';
import { ad, Host, Network, pattern, sid, type LinkOptions } from './network.js';
import { Pump } from './pump.js';

const SERVICE = sid('1');
const CLIENT = sid('2');

interface Pair {
  readonly network: Network;
  readonly client: Host;
  readonly server: Host;
  readonly connection: ConnectionHandle;
  readonly accepted: () => ConnectionHandle;
}

function pair(link: LinkOptions = {}, limits: StreamEndpointOptions['limits'] = {}, runMs = 50): Pair {
  const network = new Network(7, link);
  network.keepLog = true;
  const client = new Host(network, 'a', 1, { limits });
  const server = new Host(network, 'b', 2, { limits });
  server.endpoint.listen(SERVICE);
  const connection = client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
  network.run(runMs);
  const accepted = (): ConnectionHandle => {
    const event = server.events.find(({ kind }) => kind === 'accepted');
    if (event === undefined) throw new Error('nothing was accepted');
    return event.connection;
  };
  return { network, client, server, connection, accepted };
}

/** What went over the wire, one line a packet. */
function script({ network, client }: Pair): string[] {
  return network.log.map(({ from, bytes, atMs }) => `${atMs.toFixed(0)} ${from === client ? '>' : '<'} ${frameNames(bytes)}`);
}

const closed = (host: Host): unknown[] =>
  host.events.flatMap((event) => (event.kind === 'closed' ? [{ code: event.code, by: event.by }] : []));

function readAll(connection: ConnectionHandle, now: number): number {
  let length = 0;
  for (let part = connection.read(1e6, now); part !== undefined; part = connection.read(1e6, now)) length += part.length;
  return length;
}

describe('opening', () => {
  it('takes one round trip', () => {
    const p = pair();
    expect(script(p)).toEqual(['0 > OPEN', '5 < ACK ACCEPT', '10 > ACK']);
    expect(p.client.kinds()).toEqual(['connected']);
    expect(p.server.kinds()).toEqual(['accepted']);
    expect([p.connection.state, p.accepted().state]).toEqual(['open', 'open']);
    expect(p.accepted().peerDag.equals(p.client.dag(CLIENT))).toBe(true);
  });

  it('survives lost OPEN, ACCEPT and last ACK', () => {
    for (const lostPackets of [[0], [1], [2], [0, 1], [0, 1, 2, 3]]) {
      const network = new Network(7);
      let count = 0;
      network.filter = () => lostPackets.includes(count++);
      const client = new Host(network, 'a', 1);
      const server = new Host(network, 'b', 2);
      server.endpoint.listen(SERVICE);
      const connection = client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
      connection.write(pattern(10), 0);
      network.run(3000);
      expect(server.kinds(), `${lostPackets}`).toEqual(['accepted', 'readable']);
      expect(server.endpoint.size).toBe(1);
    }
  });

  it('to a SID without a listener is refused', () => {
    const network = new Network(7);
    const client = new Host(network, 'a', 1);
    const server = new Host(network, 'b', 2);
    const connection = client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
    network.run(100);
    expect(closed(client)).toEqual([{ code: StreamCode.REFUSED, by: 'peer' }]);
    expect(connection.state).toBe('closed');
    expect([client.endpoint.size, server.endpoint.size]).toEqual([0, 0]);
    expect(server.endpoint.counters.opensRefused).toBe(1);
  });

  it('that nobody answers ends after the open timeout', () => {
    const network = new Network(7, { loss: 1 });
    const client = new Host(network, 'a', 1);
    const server = new Host(network, 'b', 2);
    client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
    network.run(9_999);
    expect(client.events).toEqual([]);
    network.run(10);
    expect(closed(client)).toEqual([{ code: StreamCode.OPEN_TIMEOUT, by: 'local' }]);
    expect(client.endpoint.nextTimeout()).toBe(Infinity);
  });

  it('beyond the backlog waits, beyond the connection limit is refused', () => {
    const network = new Network(7);
    const client = new Host(network, 'a', 1);
    const server = new Host(network, 'b', 2, { limits: { maxConnections: 3 } });
    server.endpoint.listen(SERVICE, { backlog: 1, retryFrom: Infinity });
    for (let i = 0; i < 3; i++) client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
    network.run(50);
    expect(server.endpoint.counters.opensDropped).toBe(2);
    network.run(2000);
    expect(server.endpoint.size).toBe(3);
    client.endpoint.connect(server.dag(SERVICE), CLIENT, network.now);
    network.run(100);
    expect(closed(client)).toEqual([{ code: StreamCode.BUSY, by: 'peer' }]);
    expect(() => server.endpoint.connect(client.dag(SERVICE), CLIENT, network.now)).toThrow(
      expect.objectContaining({ code: 'limit-reached' }),
    );
  });

  it('sends at most three times what came before the client has shown that it is there', () => {
    const network = new Network(7);
    network.keepLog = true;
    const client = new Host(network, 'a', 1);
    const server = new Host(network, 'b', 2);
    network.filter = ({ from }) => from === server;
    server.endpoint.listen(SERVICE);
    client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
    client.paused = true; // one OPEN only
    network.run(9_000);
    const bytes = (from: Host): number => network.log.filter((t) => t.from === from).reduce((sum, t) => sum + t.bytes.length, 0);
    expect(bytes(server)).toBeGreaterThan(0);
    expect(bytes(server)).toBeLessThanOrEqual(3 * bytes(client));
    network.run(2_000);
    expect(server.endpoint.size).toBe(0);
    expect(server.events).toEqual([]);
  });

  it('listens once for each SID', () => {
    const { server } = pair();
    expect(() => server.endpoint.listen(SERVICE)).toThrow(expect.objectContaining({ code: 'address-in-use' }));
    server.endpoint.unlisten(SERVICE);
    server.endpoint.listen(SERVICE);
  });

  it('follows a client that moves meanwhile', () => {
    const network = new Network(7, { delayMs: 20 });
    const client = new Host(network, 'a', 1);
    const server = new Host(network, 'b', 2);
    server.endpoint.listen(SERVICE);
    const connection = client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
    connection.write(pattern(100), 0);
    network.run(5);
    client.ad = ad('c');
    client.patchedAtMs = Infinity;
    client.endpoint.addressChanged(network.now);
    network.run(500);
    expect(server.kinds()).toContain('readable');
    const accepted = server.events[0]!.connection;
    expect(accepted.peerDag.equals(client.dag(CLIENT))).toBe(true);
  });
});

describe('data', () => {
  it('is acknowledged every second packet, or after 25 ms', () => {
    const p = pair();
    p.network.log.length = 0;
    p.connection.write(pattern(10), 50);
    p.network.run(100);
    expect(script(p)).toEqual(['50 > DATA 0+10', '80 < ACK']);
    p.network.log.length = 0;
    p.connection.write(pattern(10), 150);
    p.connection.write(pattern(10), 150);
    p.network.run(100);
    expect(script(p)).toEqual(['150 > DATA 10+10', '150 > DATA 20+10', '155 < ACK']);
  });

  it('that is lost is sent again after three later packets', () => {
    const p = pair();
    p.network.log.length = 0;
    p.network.filter = ({ bytes }) => frameNames(bytes) === 'DATA 0+10' && p.network.now === 50;
    for (let i = 0; i < 4; i++) p.connection.write(pattern(10), 50);
    p.network.run(20);
    expect(script(p).filter((line) => line.includes('>'))).toEqual([
      '50 > DATA 0+10',
      '50 > DATA 10+10',
      '50 > DATA 20+10',
      '50 > DATA 30+10',
      '60 > DATA 0+10',
    ]);
    expect(p.connection.stats.packetsLost).toBe(1);
    expect(p.connection.stats.probes).toBe(0);
    expect(readAll(p.accepted(), p.network.now)).toBe(40);
  });

  it('whose last packet is lost is probed for', () => {
    const p = pair();
    p.network.filter = ({ bytes }) => frameNames(bytes) === 'DATA 0+10' && p.network.now === 50;
    p.connection.write(pattern(10), 50);
    p.network.run(100);
    expect(p.connection.stats.probes).toBe(1);
    expect(readAll(p.accepted(), p.network.now)).toBe(10);
  });

  it('is probed for at least every 400 ms through an outage, and flows at once after it', () => {
    const p = pair();
    p.network.link = { loss: 1 };
    p.network.log.length = 0;
    p.connection.write(pattern(2000), 50);
    p.network.run(2000);
    const probes = p.network.log.map(({ atMs }) => atMs);
    for (let i = 1; i < probes.length; i++) expect(probes[i]! - probes[i - 1]!).toBeLessThanOrEqual(401);
    // The first timeout sends two probes, each later one a single one.
    expect(probes.length).toBeLessThan(14);
    p.network.link = {};
    const backMs = p.network.now;
    expect(p.network.run(1000, () => p.accepted().readable() === 2000)).toBe(true);
    expect(p.network.now - backMs).toBeLessThan(450);
  });

  it('of a peer that comes back is asked for as soon as that says something', () => {
    const p = pair();
    p.server.paused = true;
    p.connection.write(pattern(2000), 50);
    p.network.run(2000);
    p.server.paused = false;
    const backMs = p.network.now;
    p.server.endpoint.addressChanged(backMs); // nothing has changed, but it has something in flight
    p.accepted().write(pattern(1), backMs);
    expect(p.network.run(1000, () => p.accepted().readable() === 2000)).toBe(true);
    expect(p.network.now - backMs).toBeLessThan(60);
  });

  it('stops at a zero window and goes on when it opens, even if all announcements are lost', () => {
    const p = pair({}, { receiveWindowBytes: 1000 });
    expect(p.connection.write(pattern(3000), 50)).toBe(3000);
    p.network.run(300);
    expect(p.accepted().readable()).toBe(1000);
    expect(script(p).some((line) => line.includes('DATA_BLOCKED'))).toBe(true);
    p.network.filter = ({ bytes }) => frameNames(bytes).includes('MAX_DATA');
    expect(readAll(p.accepted(), p.network.now)).toBe(1000);
    p.network.run(1000);
    expect(p.accepted().readable()).toBe(0);
    p.network.filter = () => false;
    p.network.run(1000);
    expect(p.accepted().readable()).toBe(1000);
  });

  it('fills the send buffer only so far, and tells when there is room again', () => {
    const p = pair({}, { sendBufferBytes: 10_000, receiveWindowBytes: 5_000 });
    expect(p.connection.write(pattern(20_000), 50)).toBe(10_000);
    expect(p.connection.writable()).toBe(0);
    p.network.run(200);
    expect(p.client.kinds()).toEqual(['connected', 'writable']);
    expect(p.connection.writable()).toBe(5_000);
  });

  it('beyond the credit ends the connection', () => {
    const p = pair({}, { receiveWindowBytes: 1000 });
    const trick = new Host(p.network, 'd', 3, { limits: { receiveWindowBytes: 1e6 } });
    p.network.filter = (transit) => {
      // The ACCEPT promises more than the server keeps.
      if (frameNames(transit.bytes).includes('ACCEPT') && transit.from === p.server) transit.bytes[24 + 14 + 22 + 3] = 0xff;
      return false;
    };
    const connection = trick.endpoint.connect(p.server.dag(SERVICE), CLIENT, p.network.now);
    connection.write(pattern(5000), p.network.now);
    p.network.run(200);
    expect(closed(trick)).toEqual([{ code: StreamCode.FLOW_CONTROL, by: 'peer' }]);
  });
});

describe('ending', () => {
  it('of one direction leaves the other open', () => {
    const p = pair();
    p.connection.end(50);
    p.network.run(100);
    expect(p.server.kinds()).toEqual(['accepted', 'end']);
    p.accepted().write(pattern(5000), p.network.now);
    p.network.run(100);
    expect(readAll(p.connection, p.network.now)).toBe(5000);
    p.accepted().end(p.network.now);
    p.network.run(100);
    expect(p.client.kinds().slice(-2)).toEqual(['end', 'closed']);
    expect(closed(p.server)).toEqual([{ code: 0, by: 'local' }]);
    expect([p.client.endpoint.size, p.server.endpoint.size]).toEqual([0, 0]);
  });

  it('is told after the last byte was read, never before', () => {
    const p = pair();
    p.connection.write(pattern(100), 50);
    p.connection.end(50);
    p.accepted().end(50);
    p.network.run(200);
    expect(p.server.kinds()).toEqual(['accepted', 'readable']);
    expect(p.accepted().state).toBe('open');
    expect(p.accepted().read(1000, p.network.now)).toHaveLength(100);
    expect(p.server.kinds()).toEqual(['accepted', 'readable']);
    p.network.run(1);
    expect(p.server.kinds()).toEqual(['accepted', 'readable', 'end', 'closed']);
  });

  it('at the same time from both sides works', () => {
    const p = pair();
    p.connection.end(50);
    p.accepted().end(50);
    p.network.run(200);
    for (const host of [p.client, p.server]) {
      expect(host.kinds().slice(1)).toEqual(['end', 'closed']);
      expect(host.endpoint.size).toBe(0);
    }
    p.network.run(21_000);
    expect([p.client.endpoint.lingering, p.server.endpoint.lingering]).toEqual([0, 0]);
  });

  it('comes to an end whichever single packet is lost, and through an outage', () => {
    for (let lost = 0; lost < 14; lost++) {
      const network = new Network(7);
      let count = 0;
      network.filter = () => count++ === lost;
      const client = new Host(network, 'a', 1);
      const server = new Host(network, 'b', 2);
      const a = new Pump(network, client, pattern(3000, 1));
      const b = new Pump(network, server, pattern(3000, 2));
      server.endpoint.listen(SERVICE);
      client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
      network.run(5000);
      expect([a.closed, b.closed], `packet ${lost}`).toEqual([
        { code: 0, by: 'local' },
        { code: 0, by: 'local' },
      ]);
      expect(equalBytes(a.bytes, pattern(3000, 2)) && equalBytes(b.bytes, pattern(3000, 1))).toBe(true);
    }
  });

  it('by RESET tells the peer why, at once', () => {
    const p = pair();
    p.accepted().write(pattern(10_000), 50);
    p.connection.reset(300, 50);
    expect(closed(p.client)).toEqual([{ code: 300, by: 'local' }]);
    p.network.run(100);
    expect(closed(p.server)).toEqual([{ code: 300, by: 'peer' }]);
    expect(p.accepted().write(pattern(1), p.network.now)).toBe(0);
    p.network.run(21_000);
    expect([p.client.endpoint.lingering, p.server.endpoint.lingering]).toEqual([0, 0]);
  });

  it('by RESET reaches the peer although the first ones are lost', () => {
    const p = pair();
    let resets = 0;
    p.network.filter = ({ bytes }) => frameNames(bytes) === 'RESET' && ++resets < 4;
    p.connection.reset(300, 50);
    p.network.run(2000);
    expect(closed(p.server)).toEqual([{ code: 300, by: 'peer' }]);
  });

  it('by RESET from both sides at once is told once each', () => {
    const p = pair();
    p.connection.reset(300, 50);
    p.accepted().reset(301, 50);
    p.network.run(20_000);
    expect(closed(p.client)).toEqual([{ code: 300, by: 'local' }]);
    expect(closed(p.server)).toEqual([{ code: 301, by: 'local' }]);
    expect([p.client.endpoint.lingering, p.server.endpoint.lingering]).toEqual([0, 0]);
  });

  it('by silence comes after the idle timeout; keep-alives put it off', () => {
    const p = pair();
    p.network.run(200_000);
    expect(p.connection.state).toBe('open');
    p.server.paused = true;
    p.network.run(44_000); // the last keep-alive was at most 15 s ago
    expect(p.connection.state).toBe('open');
    p.network.run(20_000);
    expect(closed(p.client)).toEqual([{ code: StreamCode.TIMEOUT, by: 'local' }]);
    p.server.paused = false;
    p.network.run(70_000);
    expect(closed(p.server)).toHaveLength(1);
  });

  it('comes at once when the peer has forgotten the connection', () => {
    const p = pair();
    const successor = new Host(p.network, 'b', 9);
    p.network.hosts.splice(p.network.hosts.indexOf(p.server), 1, successor);
    p.network.hosts.pop();
    Object.assign(successor, { hid: p.server.hid });
    p.connection.write(pattern(10), p.network.now);
    p.network.run(100);
    expect(closed(p.client)).toEqual([{ code: StreamCode.GONE, by: 'peer' }]);
  });
});

describe('moving', () => {
  it('tells the peer, which asks at the new address before it sends anything else there', () => {
    const p = pair();
    p.network.log.length = 0;
    p.client.ad = ad('c');
    p.client.patchedAtMs = Infinity;
    p.client.endpoint.addressChanged(50);
    p.accepted().write(pattern(10), 51);
    p.network.run(100);
    const toNew = p.network.log.find((t) => t.from === p.server && t.destination.equals(p.client.dag(CLIENT)));
    expect(frameNames(toNew!.bytes)).toBe('PATH_CHALLENGE');
    expect(p.accepted().peerDag.equals(p.client.dag(CLIENT))).toBe(true);
    expect(p.connection.readable()).toBe(10);
    expect(p.server.kinds()).toEqual(['accepted', 'peer-moved']);
    expect(p.accepted().stats.peerMoves).toBe(1);
  });

  it('sends at most three times the received bytes to an address that does not answer, and keeps the old one', () => {
    const p = pair();
    p.network.log.length = 0;
    const old = p.accepted().peerDag;
    p.client.ad = ad('c');
    p.network.filter = ({ bytes }) => frameNames(bytes).includes('PATH_RESPONSE');
    p.client.endpoint.addressChanged(50);
    p.network.run(50_000);
    const size = (filter: (index: number) => boolean): number =>
      p.network.log.reduce((sum, t, i) => (filter(i) ? sum + t.bytes.length : sum), 0);
    const sent = size((i) => p.network.log[i]!.from === p.server && p.network.log[i]!.destination.equals(p.client.dag(CLIENT)));
    const got = size((i) => p.network.log[i]!.from === p.client);
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(3 * got);
    expect(p.accepted().peerDag.equals(old)).toBe(true);
    expect(p.connection.state).toBe('open');
  });

  it('is not believed without the right signature', () => {
    const p = pair();
    p.client.ad = ad('c');
    p.network.filter = (transit) => {
      if (frameNames(transit.bytes).includes('REBIND')) transit.bytes[transit.bytes.length - 10]! ^= 1;
      return false;
    };
    p.client.endpoint.addressChanged(50);
    p.network.run(500);
    expect(p.accepted().stats.rebindsRefused).toBeGreaterThan(0);
    expect(p.accepted().stats.peerMoves).toBe(0);
  });

  it('is not believed twice: an old statement changes nothing', () => {
    const p = pair();
    let first: Uint8Array | undefined;
    p.network.filter = ({ bytes }) => {
      if (frameNames(bytes).includes('REBIND')) first ??= bytes.slice();
      return false;
    };
    p.client.ad = ad('c');
    p.client.endpoint.addressChanged(50);
    p.network.run(200);
    p.client.ad = ad('d');
    p.client.endpoint.addressChanged(p.network.now);
    p.network.run(200);
    const now = p.accepted().peerDag;
    expect(now.equals(p.client.dag(CLIENT))).toBe(true);
    const replay = first!.slice();
    replay[15]! += 100; // as a packet that has not been seen
    p.server.endpoint.handlePacket(replay, p.client.dag(CLIENT), SERVICE, p.network.now);
    p.network.run(500);
    expect(p.accepted().peerDag.equals(now)).toBe(true);
    expect(p.accepted().stats.peerMoves).toBe(2);
  });

  it('works although the REBIND is lost, with nothing else to say', () => {
    const p = pair();
    let rebinds = 0;
    p.network.filter = ({ bytes }) => frameNames(bytes).includes('REBIND') && ++rebinds < 4;
    p.client.ad = ad('c');
    p.client.patchedAtMs = Infinity;
    p.client.endpoint.addressChanged(50);
    p.network.run(1500);
    expect(p.accepted().stats.peerMoves).toBe(1);
  });

  it('takes packets from any address, which does not move anything', () => {
    const p = pair();
    const old = p.accepted().peerDag;
    p.connection.write(pattern(10), 50);
    const { bytes } = p.network.log.at(-1)!;
    p.network.filter = () => true;
    p.server.endpoint.handlePacket(bytes, new Host(p.network, 'e', 5).dag(CLIENT), SERVICE, 51);
    expect(p.accepted().readable()).toBe(10);
    expect(p.accepted().peerDag.equals(old)).toBe(true);
  });
});
