import { describe, expect, it } from 'vitest';
import { BufferBudget } from '../../../xia-core/src/transport/buffer-budget.js';
import { ReceiveCredit } from '../../../xia-core/src/transport/flow-control.js';
import { SendBuffer } from '../../../xia-core/src/transport/send-buffer.js';
import { Host, Network, pattern, sid } from './network.js';

describe('the receive window', () => {
  const RTT_MS = 100;

  it('doubles while a whole one is read within two round trips, up to its bound', () => {
    const budget = new BufferBudget(1e6);
    const credit = new ReceiveCredit(1000, 5000, budget);
    let [read, now] = [0, 0];
    const sizes: number[] = [];
    for (let round = 0; round < 6; round++) {
      read = credit.limit;
      now += RTT_MS;
      credit.tune(read, RTT_MS, now);
      sizes.push(credit.announce(read) - read);
    }
    expect(sizes).toEqual([1000, 2000, 4000, 5000, 5000, 5000]);
    expect(budget.freeBytes).toBe(1e6 - 4000);
    credit.release();
    credit.release();
    expect(budget.freeBytes).toBe(1e6);
    credit.tune(read + 1e5, RTT_MS, now + 1);
    expect(budget.freeBytes, 'nothing is taken after the end').toBe(1e6);
  });

  it('stays as it is when the reader or the path is slower, or memory is short', () => {
    const slow = new ReceiveCredit(1000, 5000, new BufferBudget(1e6));
    const poor = new ReceiveCredit(1000, 5000, new BufferBudget(3999));
    for (let round = 1; round < 10; round++) {
      slow.tune(round * 1000, RTT_MS, round * 2.1 * RTT_MS);
      poor.tune(round * 1000, RTT_MS, round * RTT_MS);
    }
    expect([slow.announce(0), poor.announce(0)]).toEqual([1000, 1000]);
  });
});

describe('the send buffer', () => {
  it('holds two congestion windows, within its bounds and what all of them share', () => {
    const budget = new BufferBudget(10_000);
    const [one, two] = [new SendBuffer(1000, 8000, budget), new SendBuffer(1000, 8000, budget)];
    expect(one.room).toBe(1000);
    one.fit(2500);
    expect(one.room).toBe(5000);
    one.fit(1e6);
    expect(one.write(pattern(20_000))).toBe(8000);
    two.fit(1e6);
    expect(two.write(pattern(20_000))).toBe(4000);
    expect([two.room, budget.freeBytes, two.hasMuchRoom]).toEqual([0, 0, false]);
    one.choose(8000, Infinity);
    one.take([]);
    one.acknowledge(0, 8000, false);
    expect([one.hasMuchRoom, budget.freeBytes]).toEqual([true, 7000]);
    two.clear();
    expect(budget.freeBytes).toBe(10_000);
  });
});

describe('a path of 150 ms and 40 MB/s', () => {
  it('is filled, which takes windows beyond 4 MiB, and all memory comes back at the end', () => {
    const network = new Network(3, { delayMs: 75, rate: 40_000, queueBytes: 4e6, mtu: 9000 });
    const [client, server] = [new Host(network, 'a', 1), new Host(network, 'b', 2)];
    server.endpoint.listen(sid('1'));
    const connection = client.endpoint.connect(server.dag(sid('1')), sid('2'), 0);
    const block = new Uint8Array(256 * 1024);
    const totalBytes = 600 * block.length;
    let written = 0;
    const write = (): void => {
      while (written < totalBytes) {
        const taken = connection.write(block.subarray(written % block.length), network.now);
        written += taken;
        if (taken === 0) return;
      }
      connection.end(network.now);
    };
    client.onEvent = ({ kind }) => {
      if (kind === 'connected' || kind === 'writable') write();
      if (kind === 'end') connection.end(network.now);
    };
    let received = 0;
    let [beforeMs, beforeBytes] = [0, 0];
    server.onEvent = ({ kind, connection: end }) => {
      if (kind === 'end') end.end(network.now);
      if (kind !== 'readable') return;
      for (let part = end.read(1e6, network.now); part !== undefined; part = end.read(1e6, network.now)) received += part.length;
      if (beforeMs === 0 && received > totalBytes / 2) [beforeMs, beforeBytes] = [network.now, received];
    };
    expect(network.run(60_000, () => received === totalBytes)).toBe(true);
    const rate = (received - beforeBytes) / (network.now - beforeMs);
    expect(rate, 'bytes a millisecond, in the second half').toBeGreaterThan(0.8 * 40_000);
    const gauge = (host: Host, name: string) => host.endpoint.gauges().find((one) => one.name === name)!;
    expect(gauge(server, 'shared receive memory').highWater).toBeGreaterThan(4e6);
    network.run(20_000);
    for (const host of [client, server]) {
      expect(host.endpoint.size).toBe(0);
      for (const name of ['shared send memory', 'shared receive memory']) expect(gauge(host, name).used).toBe(0);
    }
  });
});
