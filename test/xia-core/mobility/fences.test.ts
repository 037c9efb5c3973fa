import { beforeEach, describe, expect, it } from 'vitest';
import { ACCESS, Bench, bindingMessage, bindingOf, hidOf, keys } from './support/bench.js';

const guest = hidOf(keys.guest);
const MINUTE_MS = 60_000;

describe('the fence of a guest that was given away', () => {
  let router: Bench;
  let sequence: number;
  const bind = (changes: Parameters<typeof bindingOf>[1] = {}, neighbour = 7): void => {
    sequence += 1;
    router.receive(ACCESS, neighbour, bindingMessage(bindingOf(router.lastBeacon(), { sequence, ...changes })));
  };
  const fences = () => router.mobility.fences;
  const refused = (): number => router.mobility.counters.get('binding:fenced');

  beforeEach(() => {
    router = Bench.router();
    sequence = 100;
    bind();
  });

  it('refuses its bindings with no answer, blocks its wire, and raises one alarm in ten seconds', () => {
    fences().raise(guest, router.now);
    expect([fences().blocks(ACCESS, 7), fences().blocks(ACCESS, 8)]).toEqual([true, false]);
    for (let times = 0; times < 5; times++) bind();
    expect(refused()).toBe(5);
    expect(router.lastAck()?.sequence).toBe(101);
    expect(router.events.filter(({ kind }) => kind === 'fenced')).toMatchObject([{ hid: guest, hop: { face: ACCESS, neighbour: 7 } }]);
    router.pass(10_000);
    bind();
    expect(router.events.filter(({ kind }) => kind === 'fenced')).toHaveLength(2);
  });

  it('follows the copy to another wire, but not what somebody replays from there', () => {
    fences().raise(guest, router.now);
    bind({ token: new Uint8Array(16) }, 8);
    bind({ accessPoint: hidOf(keys.host) }, 8);
    expect(fences().blocks(ACCESS, 8)).toBe(false);
    bind({}, 8);
    expect(fences().blocks(ACCESS, 8)).toBe(true);
    router.mobility.faceRemoved(ACCESS, router.now, 8);
    expect(fences().blocks(ACCESS, 8)).toBe(false);
  });

  it('leaves everybody else alone', () => {
    fences().raise(guest, router.now);
    bind({ hid: hidOf(keys.mallory) }, 9);
    router.receive(ACCESS, 9, bindingMessage(bindingOf(router.lastBeacon(), { hid: hidOf(keys.mallory) }, keys.mallory)));
    expect(router.lastAck()).toMatchObject({ hid: hidOf(keys.mallory), status: 'ok' });
    expect(refused()).toBe(0);
  });

  it('is lifted by whoever brings the guest back', () => {
    fences().raise(guest, router.now);
    expect([fences().lift(guest), fences().lift(guest)]).toEqual([true, false]);
    bind();
    expect(router.lastAck()).toMatchObject({ hid: guest, sequence, status: 'ok' });
  });

  it('ends a minute after it was raised where the guest is not known to be elsewhere', () => {
    fences().raise(guest, router.now);
    router.pass(MINUTE_MS - 1);
    expect(fences().has(guest)).toBe(true);
    router.pass(1);
    expect(fences().has(guest)).toBe(false);
  });

  it('holds no more than it may', () => {
    const room = fences().gauges()[0]!.bound;
    for (let count = 0; count < room; count++) {
      const id = new Uint8Array(20);
      id.set([count >> 8, count & 0xff]);
      expect(fences().raise(hidOf({ ...keys.guest, id }), router.now)).toBe(true);
    }
    expect(fences().raise(guest, router.now)).toBe(false);
    expect(fences().gauges()[0]).toMatchObject({ used: room, refused: 1 });
  });
});
