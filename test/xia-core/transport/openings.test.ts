import { describe, expect, it } from 'vitest';
import { concatBytes, SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { serviceDag } from '../../../xia-core/src/dag/index.js';
import { StreamCode } from '../../../xia-core/src/wire/stream.js';
import { StreamPacketWriter } from '../../../xia-core/src/wire/stream-writer.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { frameNames } from '../wire/stream-text.js';
import { ad, Host, Network, pattern, sid } from './network.js';

const SERVICE = sid('1');
const CLIENT = sid('2');

function hosts(link = {}, limits = {}) {
  const network = new Network(7, link);
  network.keepLog = true;
  const client = new Host(network, 'a', 1);
  const server = new Host(network, 'b', 2, { limits });
  const script = () => network.log.map(({ from, bytes, atMs }) => `${atMs.toFixed(0)} ${from === client ? '>' : '<'} ${frameNames(bytes)}`);
  return { network, client, server, script };
}

const writer = new StreamPacketWriter();

/** OPENs of somebody who is not where they say. */
function spoof(rng: SeededRandom, server: Host, now: number): void {
  const from = new Xid(PrincipalType.SID, rng.bytes(20));
  writer.beginOpening(0, 0, rng.below(2 ** 32), 1 + rng.below(2 ** 31), 0);
  writer.open({ sid: from.id, windowBytes: 65_536, idleTimeoutMs: 60_000, maxAckDelayMs: 25 });
  const source = serviceDag(new Xid(PrincipalType.AD, rng.bytes(20)), new Xid(PrincipalType.HID, rng.bytes(20)), from);
  server.endpoint.handlePacket(writer.finish(), source, SERVICE, now, 1, 1);
}

describe('an OPEN while many connections are half open', () => {
  it('is answered by a token, without memory, and comes again with it', () => {
    const { network, client, server, script } = hosts();
    server.endpoint.listen(SERVICE, { retryFrom: 0 });
    const connection = client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
    connection.write(pattern(10), 0);
    network.run(7);
    expect(server.endpoint.size).toBe(0);
    network.run(43);
    expect(script().slice(0, 5)).toEqual(['0 > OPEN', '5 < RETRY', '10 > OPEN TOKEN', '15 < ACK ACCEPT', '20 > ACK DATA 0+10']);
    expect([connection.state, connection.stats.packetsLost, connection.stats.windowBytes]).toEqual(['open', 0, expect.any(Number)]);
    expect(server.endpoint.counters).toMatchObject({ opensRetried: 1, opensTaken: 1 });
    const [open, retry] = network.log;
    expect(retry!.bytes.length).toBeLessThan(open!.bytes.length);
  });

  it('gets through whichever single packet is lost', () => {
    for (let lost = 0; lost < 6; lost++) {
      const { network, client, server } = hosts();
      let count = 0;
      network.filter = () => count++ === lost;
      server.endpoint.listen(SERVICE, { retryFrom: 0 });
      const connection = client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
      connection.write(pattern(10), 0);
      network.run(3000);
      expect(server.kinds(), `packet ${lost}`).toEqual(['accepted', 'readable']);
    }
  });

  it('from a client that has moved meanwhile gets another token', () => {
    const { network, client, server } = hosts();
    server.endpoint.listen(SERVICE, { retryFrom: 0 });
    client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
    network.at(7, () => {
      client.ad = ad('c');
      client.endpoint.addressChanged(network.now);
    });
    network.run(2000);
    expect(client.kinds()).toEqual(['connected']);
    expect(server.endpoint.counters.opensRetried).toBeGreaterThan(1);
  });

  it('is not repeated for ever when the peer takes no token', () => {
    const { network, client, server, script } = hosts();
    network.filter = ({ from, bytes }) => {
      if (from === client) bytes[bytes.length - 1]! ^= 1;
      return false;
    };
    server.endpoint.listen(SERVICE, { retryFrom: 0 });
    client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
    network.run(11_000);
    expect(script().filter((line) => line.includes('OPEN')).length).toBeLessThan(60);
    expect(client.events.at(-1)).toMatchObject({ kind: 'closed', code: StreamCode.OPEN_TIMEOUT });
    expect(server.endpoint.size).toBe(0);
  });

  it('that is refused is told so at once, token or not', () => {
    const { network, client, server, script } = hosts({}, { maxConnections: 0 });
    server.endpoint.listen(SERVICE, { retryFrom: 0 });
    client.endpoint.connect(server.dag(SERVICE), CLIENT, 0);
    network.run(100);
    expect(script()).toEqual(['0 > OPEN', '5 < REFUSE']);
    expect(client.events.at(-1)).toMatchObject({ kind: 'closed', code: StreamCode.BUSY, by: 'peer' });
  });
});

describe('a flood of 100,000 OPENs in a second from addresses that nobody has', () => {
  it('takes bounded memory, is never amplified, and lets clients through by the same neighbour', () => {
    const network = new Network(7);
    let sentBytes = 0;
    const server: Host = new Host(network, 'b', 2, {
      limits: { maxHalfOpen: 64 },
      output: ({ destination, source, payload }) => {
        const bytes = concatBytes(...payload);
        sentBytes += bytes.length;
        network.send(server, destination, source, bytes);
      },
    });
    const client = new Host(network, 'a', 1);
    server.endpoint.listen(SERVICE, { backlog: 64 });
    const rng = new SeededRandom(5);
    const connections = Array.from({ length: 5 }, () => client.endpoint.connect(server.dag(SERVICE), CLIENT, 0));
    for (const connection of connections) connection.write(pattern(10), 0);
    let most = 0;
    for (let ms = 0; ms < 1000; ms++) {
      for (let count = 0; count < 100; count++) spoof(rng, server, network.now);
      most = Math.max(most, server.endpoint.size);
      network.run(1);
    }
    expect(connections.filter(({ state }) => state === 'open')).toHaveLength(5);
    expect(most).toBeLessThanOrEqual(64 + 5);
    expect(server.endpoint.counters.opensRetried).toBeGreaterThan(10_000);
    expect(sentBytes).toBeLessThan(100_000 * 58);
    const halfOpen = server.endpoint.gauges().find(({ name }) => name === 'half-open streams')!;
    expect(halfOpen).toMatchObject({ bound: 64 });
    expect(halfOpen.highWater).toBeLessThanOrEqual(64);
    network.run(12_000);
    expect(server.endpoint.size, 'what was half open is gone').toBe(5);
  });
});
