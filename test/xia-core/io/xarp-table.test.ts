import { beforeEach, describe, expect, it } from 'vitest';
import { PrincipalType, Xid } from 'xia-core';
import {
  XARP_HOLD_MS,
  XARP_LIFETIME_MS,
  XARP_POLL_MS,
  XARP_QUERY_INTERVAL_MS,
  XARP_TRIES,
  XarpTable,
} from '../../../xia-core/src/io/xarp-table.js';

const hid = (digit: string) => Xid.of(PrincipalType.HID, digit.repeat(40));
const MAC_A = Uint8Array.of(2, 0, 0, 0, 0, 0xa);
const MAC_B = Uint8Array.of(2, 0, 0, 0, 0, 0xb);
const packet = (byte: number) => Uint8Array.of(byte);

let log: string[];
let table: XarpTable;

beforeEach(() => {
  log = [];
  table = new XarpTable({
    ask: (xid, mac) => log.push(`ask ${xid.toString().slice(0, 5)} ${mac === undefined ? 'all' : mac[5]}`),
    resolved: (neighbour, mac) => log.push(`resolved ${neighbour} ${mac[5]}`),
    release: (neighbour, bytes) => log.push(`release ${neighbour} ${bytes[0]}`),
  });
  table.add(1, hid('1'));
  table.add(2, hid('2'));
});

const take = () => log.splice(0);

/** Lets the table's own deadlines pass, up to `until`. */
function runTo(until: number): void {
  for (let at = table.nextTimeout(); at <= until; at = table.nextTimeout()) table.handleTimeout(at);
}

describe('an address that is not known', () => {
  it('is asked for by the first packet, and all of them wait in order', () => {
    expect(table.macOf(1, 0)).toBeUndefined();
    for (const byte of [7, 8]) expect(table.wait(1, packet(byte), undefined, 0)).toBe(true);
    table.wait(2, packet(9), undefined, 0);
    expect(take()).toEqual(['ask HID:1 all', 'ask HID:2 all']);
    table.handleReply(hid('1'), MAC_A, 5);
    expect(take()).toEqual(['resolved 1 10', 'release 1 7', 'release 1 8']);
    expect(table.macOf(1, 6)).toEqual(MAC_A);
    expect(table.gauges()[0]).toMatchObject({ used: 1, highWater: 3 });
  });

  it('is asked for ten times a second, and then nobody is there for a while', () => {
    table.wait(1, packet(1), undefined, 0);
    runTo(XARP_TRIES * XARP_QUERY_INTERVAL_MS - 1);
    expect(take()).toHaveLength(XARP_TRIES);
    const gaveUpMs = table.nextTimeout();
    table.handleTimeout(gaveUpMs);
    expect(table.counters).toMatchObject({ unanswered: 1, droppedUnanswered: 1 });
    expect(table.wait(1, packet(2), undefined, gaveUpMs + XARP_HOLD_MS - 1)).toBe(false);
    expect([take(), table.counters.droppedUnanswered, table.nextTimeout()]).toEqual([[], 2, Infinity]);
    expect(table.wait(1, packet(3), undefined, gaveUpMs + XARP_HOLD_MS)).toBe(true);
    expect(take()).toEqual(['ask HID:1 all']);
  });

  it('makes at most 2048 packets or 4 MiB wait, and drops the oldest', () => {
    for (let n = 0; n < 2050; n++) table.wait(1, packet(n % 200), undefined, 0);
    expect([table.counters.droppedOldest, table.gauges()[0]!.used]).toEqual([2, 2048]);
    for (let n = 0; n < 80; n++) table.wait(2, packet(0), new Uint8Array(65_000), 0);
    const [packets, bytes] = table.gauges();
    expect(bytes!.used).toBeLessThanOrEqual(bytes!.bound);
    expect(packets!.used).toBeLessThan(80);
    take();
    table.handleReply(hid('1'), MAC_A, 5);
    expect(take()).toEqual(['resolved 1 10']);
  });
});

describe('what is believed', () => {
  it('is only an answer to a question, once', () => {
    table.handleReply(hid('1'), MAC_A, 0);
    expect(table.macOf(1, 0)).toBeUndefined();
    table.handleReply(hid('9'), MAC_A, 0);
    table.wait(1, packet(1), undefined, 10);
    table.handleReply(hid('1'), MAC_A, 20);
    table.handleReply(hid('1'), MAC_B, 21);
    expect(table.macOf(1, 22)).toEqual(MAC_A);
    expect(table.counters).toMatchObject({ unasked: 3, learned: 1 });
  });

  it('is not a question from an address that is not known', () => {
    table.handleRequestFrom(hid('1'), MAC_A, 0);
    expect([table.macOf(1, 1), take()]).toEqual([undefined, []]);
  });
});

describe('an address that is known', () => {
  beforeEach(() => {
    table.wait(1, packet(1), undefined, 0);
    table.handleReply(hid('1'), MAC_A, 0);
    take();
  });

  it('is asked about at its owner after a minute of use, and forgotten after five without an answer', () => {
    table.macOf(1, XARP_POLL_MS - 1);
    expect(take()).toEqual([]);
    expect(table.macOf(1, XARP_POLL_MS)).toEqual(MAC_A);
    table.macOf(1, XARP_POLL_MS + 1);
    expect(take()).toEqual(['ask HID:1 10']);
    expect(table.macOf(1, XARP_LIFETIME_MS - 1)).toEqual(MAC_A);
    expect(table.macOf(1, XARP_LIFETIME_MS)).toBeUndefined();
    take();
    table.wait(1, packet(2), undefined, XARP_LIFETIME_MS);
    expect([take(), table.nextTimeout()]).toEqual([[], XARP_LIFETIME_MS - 1 + XARP_QUERY_INTERVAL_MS]);
    runTo(table.nextTimeout());
    expect(take()).toEqual(['ask HID:1 all']);
  });

  it('lives on by the answer, and by questions of its owner', () => {
    table.macOf(1, XARP_POLL_MS);
    table.handleReply(hid('1'), MAC_A, XARP_POLL_MS + 5);
    table.handleRequestFrom(hid('1'), MAC_A, 2 * XARP_POLL_MS);
    expect(table.macOf(1, XARP_POLL_MS + XARP_LIFETIME_MS + 10)).toEqual(MAC_A);
    expect(table.macOf(1, 2 * XARP_POLL_MS + XARP_LIFETIME_MS)).toBeUndefined();
  });

  it('is asked about anew when its name asks from elsewhere, and only the answer counts', () => {
    table.handleRequestFrom(hid('1'), MAC_B, 2000);
    table.handleRequestFrom(hid('1'), MAC_B, 2001);
    expect([take(), table.macOf(1, 2002)]).toEqual([['ask HID:1 all'], MAC_A]);
    table.handleReply(hid('1'), MAC_B, 2003);
    expect(table.macOf(1, 2004)).toEqual(MAC_B);
  });
});
