import { describe, expect, it } from 'vitest';
import type { ConnectionHandle } from '../../../xia-core/src/transport/stream-events.js';
import type { StreamLimits } from '../../../xia-core/src/transport/stream-options.js';
import { StreamCode } from '../../../xia-core/src/wire/stream.js';
import { frameNames } from '../wire/stream-text.js';
import { ad, Host, Network, pattern, sid } from './network.js';

const SERVICE = sid('1');
const CLIENT = sid('2');

/** Two hosts 5 ms apart with an open connection, at 50 ms. */
class Script {
  readonly network = new Network(7);
  readonly client: Host;
  readonly server: Host;
  readonly near: ConnectionHandle;

  constructor(limits: Partial<StreamLimits> = {}) {
    this.network.keepLog = true;
    this.client = new Host(this.network, 'a', 1, { limits });
    this.server = new Host(this.network, 'b', 2, { limits });
    this.server.endpoint.listen(SERVICE);
    this.near = this.client.endpoint.connect(this.server.dag(SERVICE), CLIENT, 0);
    this.network.run(50);
    this.network.log.length = 0;
  }

  get far(): ConnectionHandle {
    return this.server.events.find(({ kind }) => kind === 'accepted')!.connection;
  }

  /** Every packet that was sent by then: when, by whom, what. */
  linesAfter(forMs: number): string[] {
    this.network.run(forMs);
    return this.network.log.map(({ from, bytes, atMs }) => `${atMs.toFixed(0)} ${from === this.client ? '>' : '<'} ${frameNames(bytes)}`);
  }

  ends(): unknown[] {
    return [this.client, this.server].map(({ events }) =>
      events.flatMap((event) => (event.kind === 'closed' ? [{ code: event.code, by: event.by }] : [])),
    );
  }

  isEmpty(): boolean {
    return [this.client, this.server].every(({ endpoint }) => endpoint.size === 0 && endpoint.lingering === 0);
  }
}

const ORDERLY = [[{ code: 0, by: 'local' }], [{ code: 0, by: 'local' }]];

describe('an end, packet by packet', () => {
  it('of both sides at the same time', () => {
    const script = new Script();
    script.near.end(50);
    script.far.end(50);
    expect(script.linesAfter(40)).toEqual(['50 > DATA 0+0 FIN', '50 < DATA 0+0 FIN', '80 > ACK', '80 < ACK', '85 < CLOSE', '85 > CLOSE']);
    script.network.run(21_000);
    expect(script.ends()).toEqual(ORDERLY);
    expect(script.isEmpty()).toBe(true);
  });

  it.each(['client', 'server'])('of one direction, the %s first, while the other goes on', (first) => {
    const script = new Script();
    const [a, b] = first === 'client' ? [script.near, script.far] : [script.far, script.near];
    const [out, back] = first === 'client' ? ['>', '<'] : ['<', '>'];
    a.end(50);
    expect(script.linesAfter(50)).toEqual([`50 ${out} DATA 0+0 FIN`, `80 ${back} ACK`]);
    b.write(pattern(100), 100);
    script.network.run(50);
    expect(a.read(1000, script.network.now)).toHaveLength(100);
    b.end(150);
    expect(script.linesAfter(100).slice(2)).toEqual([
      `100 ${back} DATA 0+100`,
      `130 ${out} ACK`,
      `150 ${back} DATA 100+0 FIN`,
      `155 ${out} CLOSE`,
      `160 ${back} CLOSE`,
    ]);
    script.network.run(21_000);
    expect(script.ends()).toEqual(ORDERLY);
    expect(script.isEmpty()).toBe(true);
  });

  it('by RESET that crosses data', () => {
    const script = new Script();
    script.far.write(pattern(2000), 50);
    script.near.reset(300, 50);
    expect(script.linesAfter(100)).toEqual(['50 < DATA 0+1191', '50 < DATA 1191+809', '50 > RESET', '55 < CLOSE']);
    expect(script.ends()).toEqual([[{ code: 300, by: 'local' }], [{ code: 300, by: 'peer' }]]);
    script.network.run(21_000);
    expect(script.isEmpty()).toBe(true);
  });

  it('by silence: both learn it within their idle timeout, without keep-alives', () => {
    const script = new Script({ keepAliveMs: 0, idleTimeoutMs: 5000 });
    script.near.write(pattern(10), 50);
    expect(script.linesAfter(4900)).toEqual(['50 > DATA 0+10', '80 < ACK']);
    expect(script.ends()).toEqual([[], []]);
    script.network.run(150);
    const over = { code: StreamCode.TIMEOUT, by: 'local' };
    expect(script.ends()).toEqual([[over], [over]]);
    expect(script.isEmpty()).toBe(true);
  });

  it('by silence is put off by keep-alives, which stop when the peer is gone', () => {
    const script = new Script({ keepAliveMs: 1000, idleTimeoutMs: 5000 });
    const lines = script.linesAfter(20_000);
    expect(lines.slice(0, 4)).toEqual(['1016 > PING', '1046 < ACK', '2063 > PING', '2093 < ACK']);
    expect(lines.length).toBeLessThan(45);
    expect(script.ends()).toEqual([[], []]);
    script.server.paused = true;
    const goneMs = script.network.now;
    script.network.run(6100);
    expect(script.ends()[0]).toEqual([{ code: StreamCode.TIMEOUT, by: 'local' }]);
    expect(script.network.now - goneMs).toBeLessThan(7000);
  });
});

describe('a zero window, packet by packet', () => {
  it('opens again although the MAX_DATA is lost', () => {
    const script = new Script({ receiveWindowBytes: 1000 });
    let lost = 0;
    script.network.filter = ({ bytes }) => frameNames(bytes).includes('MAX_DATA') && lost++ < 2;
    script.near.write(pattern(2000), 50);
    script.network.run(50);
    script.far.read(1000, script.network.now);
    expect(script.linesAfter(2000)).toEqual([
      '50 > DATA 0+1000',
      '50 > DATA_BLOCKED',
      '55 < ACK MAX_DATA',
      '100 < MAX_DATA',
      '105 > DATA 0+1000',
      '135 < ACK',
      '155 < MAX_DATA',
      '160 > ACK DATA 1000+1000',
      '165 < ACK MAX_DATA',
      '195 > ACK',
    ]);
    expect(script.far.readable()).toBe(1000);
  });
});

describe('a move, packet by packet', () => {
  it('is told, asked for at the new address, and answered', () => {
    const script = new Script();
    script.client.ad = ad('c');
    script.client.patchedAtMs = Infinity;
    script.client.endpoint.addressChanged(50);
    expect(script.linesAfter(50)).toEqual(['50 > REBIND', '50 > REBIND', '55 < PATH_CHALLENGE', '55 < ACK', '60 > PATH_RESPONSE']);
    expect(script.far.stats.peerMoves).toBe(1);
  });
});
