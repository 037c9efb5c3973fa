import { beforeEach, describe, expect, it } from 'vitest';
import {
  MobilityKind,
  encodeBeaconMessage,
  encodeBindingAckMessage,
  encodeBindingMessage,
  encodeNotice,
  encodeNoticeAck,
} from '../../../xia-core/src/wire/mobility-messages.js';
import { sealNotice, type Beacon, type Notice } from '../../../xia-core/src/wire/mobility-statements.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { ACCESS, Bench, PEER, UPLINK, bindingMessage, bindingOf, hidOf, keys } from './support/bench.js';

const guest = hidOf(keys.guest);
const host = hidOf(keys.host);
const mallory = hidOf(keys.mallory);
const atHost = { face: ACCESS, neighbour: 5 };
const atMallory = { face: ACCESS, neighbour: 6 };

/** A router with two hosts, one of them with a guest. */
class Domain {
  readonly router = Bench.router();
  readonly beacon = this.router.lastBeacon();
  #sequence = 500;

  constructor() {
    this.bind(keys.host, atHost);
    this.bind(keys.mallory, atMallory);
    this.bind(keys.guest, atHost, { accessPoint: host });
    this.router.sent.length = 0;
  }

  bind(signer: typeof keys.host, hop = atHost, changes: Parameters<typeof bindingOf>[1] = {}): void {
    const binding = bindingOf(this.beacon, { hid: hidOf(signer), sequence: ++this.#sequence, ...changes }, signer);
    this.router.receive(hop.face, hop.neighbour, bindingMessage(binding));
  }

  notice(changes: Partial<Notice> = {}, hop = atHost, signer = keys.host): string | undefined {
    const { router } = this;
    const notice = sealNotice(
      {
        hid: guest,
        host: hidOf(signer),
        router: hidOf(keys.router),
        phase: 'paused',
        sequence: ++this.#sequence,
        issuedMs: router.wall(),
        lifetimeMs: 5000,
        ...changes,
      },
      signer,
    );
    router.sent.length = 0;
    router.receive(hop.face, hop.neighbour, encodeNotice({ notice }));
    return router.sentOf(MobilityKind.NOTICE_ACK).at(-1)?.message.status;
  }

  count(name: string): number {
    return this.router.mobility.counters.toJSON()[name] ?? 0;
  }

  state(hid = guest): string | undefined {
    return this.router.mobility.binding(hid)?.state;
  }
}

const newcomer = (index: number): Xid => Xid.of(PrincipalType.HID, (0xabc000 + index).toString(16).padStart(40, '0'));

describe('a gateway that is told that a guest stands still', () => {
  let domain: Domain;
  beforeEach(() => {
    domain = new Domain();
  });

  it('holds its packets, and lets them go when it goes on, elsewhere or here', () => {
    expect(domain.notice()).toBe('ok');
    expect(domain.router.holding.get(guest.key)).toEqual({ from: atHost, towards: undefined });
    expect(domain.notice({ lifetimeMs: 0 })).toBe('ok');
    expect(domain.router.routes.get(guest.key)).toEqual(atHost);
    expect(domain.notice()).toBe('ok');
    domain.bind(keys.guest, atMallory, { accessPoint: mallory });
    expect(domain.router.routes.get(guest.key)).toEqual(atMallory);
    expect(domain.state()).toBe('live');
  });

  it('holds no longer than 5 s, whatever is asked for', () => {
    expect(domain.notice({ lifetimeMs: 60_000 })).toBe('ok');
    domain.router.pass(4990);
    expect(domain.state()).toBe('held');
    domain.router.pass(20);
    expect(domain.state()).toBe('live');
    expect(domain.router.routes.get(guest.key)).toEqual(atHost);
  });

  it('is not moved by a renewal that was under way', () => {
    domain.notice();
    domain.bind(keys.guest, atHost, { accessPoint: host });
    expect(domain.state()).toBe('held');
  });

  it('refuses it of a guest that is not behind that host and hop', () => {
    expect(domain.notice({}, atMallory, keys.mallory), 'another host').toBe('refused');
    expect(domain.notice({}, atMallory), 'the right host, carried elsewhere').toBeUndefined();
    expect(domain.count('notice:not-bound')).toBe(1);
    expect(domain.notice({ hid: newcomer(1) }), 'nobody').toBe('refused');
    expect(domain.state()).toBe('live');
    expect(domain.router.routes.get(guest.key)).toEqual(atHost);
  });

  it('refuses what is forged, old, replayed, for others, or from elsewhere', () => {
    expect(domain.notice({ host }, atHost, keys.mallory)).toBeUndefined();
    expect(domain.count('notice:wrong-signer')).toBe(1);
    expect(domain.notice({ issuedMs: domain.router.wall() - 40_000 })).toBeUndefined();
    expect(domain.count('notice:expired')).toBe(1);
    expect(domain.notice({ router: hidOf(keys.otherRouter) })).toBeUndefined();
    expect(domain.count('notice:wrong-gateway')).toBe(1);
    expect(domain.notice({}, { face: PEER, neighbour: 5 })).toBeUndefined();
    expect(domain.count('notice:not-access')).toBe(1);
    expect(domain.notice({ hid: host })).toBeUndefined();
    expect(domain.count('notice:own-hid')).toBe(1);
    expect(domain.notice({ sequence: 9000 })).toBe('ok');
    expect(domain.notice({ sequence: 9001, lifetimeMs: 0 })).toBe('ok');
    expect(domain.notice({ sequence: 9000 }), 'replayed').toBeUndefined();
    expect(domain.count('notice:stale')).toBe(1);
    expect(domain.notice({ sequence: 9001, lifetimeMs: 0 }), 'repeated').toBe('ok');
    expect(domain.state()).toBe('live');
  });

  it('refuses it when holding is off', () => {
    domain.router.mobility.configure({ holds: false }, domain.router.now);
    expect(domain.notice()).toBe('refused');
  });
});

describe('a gateway that is told that a guest is coming', () => {
  let domain: Domain;
  beforeEach(() => {
    domain = new Domain();
  });
  const coming = (hid: Xid, changes: Partial<Notice> = {}): string | undefined =>
    domain.notice({ phase: 'coming', hid, lifetimeMs: 60_000, ...changes });

  it('makes a place ready, and turns nothing', () => {
    expect(coming(newcomer(1))).toBe('ok');
    expect(domain.state(newcomer(1))).toBe('staged');
    expect(domain.router.routes.has(newcomer(1).key)).toBe(false);
    expect(coming(newcomer(1), { lifetimeMs: 0 })).toBe('ok');
    expect(domain.state(newcomer(1))).toBeUndefined();
  });

  it('forgets it without a trace when nobody comes', () => {
    coming(newcomer(1), { lifetimeMs: 2000 });
    domain.router.pass(2001);
    expect(domain.state(newcomer(1))).toBeUndefined();
    expect(domain.router.mobility.gauges().find(({ name }) => name === 'staged bindings')?.used).toBe(0);
  });

  it('leaves a live HID of somebody else where it is', () => {
    expect(domain.notice({ phase: 'coming' }, atMallory, keys.mallory)).toBe('ok');
    expect(domain.state()).toBe('live');
    expect(domain.router.routes.get(guest.key)).toEqual(atHost);
    domain.bind(keys.guest, atMallory, { accessPoint: mallory });
    expect(domain.router.routes.get(guest.key), 'it came').toEqual(atMallory);
    expect(domain.router.mobility.binding(guest)?.staged).toBeUndefined();
  });

  it('bounds what one host can have staged', () => {
    const answers = Array.from({ length: 100 }, (_, index) => coming(newcomer(index)));
    expect(answers.filter((status) => status === 'ok')).toHaveLength(64);
    expect(answers.filter((status) => status === 'table-full')).toHaveLength(36);
    expect(domain.notice({ phase: 'coming', hid: newcomer(500) }, atMallory, keys.mallory), 'others still may').toBe('ok');
  });

  it('says beforehand that it would refuse the move', () => {
    for (let move = 0; move < 5; move++)
      domain.bind(keys.guest, move % 2 === 0 ? atMallory : atHost, { accessPoint: move % 2 === 0 ? mallory : host });
    expect(domain.notice({ phase: 'coming' })).toBe('frozen');
  });
});

describe('a host', () => {
  let bench: Bench;
  let router: Bench;
  let beacon: Beacon;
  const outcomes = () => bench.events.flatMap((event) => (event.kind === 'noticed' ? [event.outcome] : []));
  const answer = (status: 'ok' | 'refused'): void => {
    const { sequence } = lastSequence();
    bench.receive(UPLINK, 1, encodeNoticeAck({ hid: guest, host, sequence, status }));
  };
  const lastSequence = (): { sequence: number } => {
    const { notice } = bench.sentOf(MobilityKind.NOTICE).at(-1)!.message;
    router.receive(ACCESS, 5, encodeNotice({ notice }));
    return router.sentOf(MobilityKind.NOTICE_ACK).at(-1)!.message;
  };

  beforeEach(() => {
    router = Bench.router();
    bench = new Bench({ kind: 'host', mtu: 1400 }, keys.host);
    const exchange = (): void => {
      for (const { message } of router.sent.splice(0)) {
        if (message.kind === MobilityKind.BEACON) bench.receive(UPLINK, 1, encodeBeaconMessage(message));
        if (message.kind === MobilityKind.BINDING_ACK) bench.receive(UPLINK, 1, encodeBindingAckMessage(message));
      }
      for (const { face, message } of bench.sent.splice(0)) {
        if (face === UPLINK && message.kind === MobilityKind.BINDING) router.receive(ACCESS, 5, encodeBindingMessage(message));
      }
    };
    beacon = router.lastBeacon();
    exchange();
    exchange();
    bench.receive(ACCESS, 7, bindingMessage(bindingOf(beacon, { accessPoint: host })));
    exchange();
    exchange();
    expect(bench.mobility.binding(guest)?.state).toBe('live');
  });

  it('holds at once, tells its gateway until that answers, and then hands back', () => {
    expect(bench.mobility.guests!.pause(guest, bench.now, bench.wall())).toBe(true);
    expect(bench.holding.get(guest.key)).toEqual({ from: { face: ACCESS, neighbour: 7 }, towards: undefined });
    bench.pass(60);
    expect(bench.sentOf(MobilityKind.NOTICE)).toHaveLength(3);
    answer('ok');
    expect(router.holding.get(guest.key)).toEqual({ from: { face: ACCESS, neighbour: 5 }, towards: undefined });
    expect(bench.holding.get(guest.key)?.towards).toEqual({ face: UPLINK, neighbour: 1 });
    expect(outcomes()).toEqual(['ok']);
  });

  it('goes on holding alone when the gateway refuses or is silent, and gives up in the end', () => {
    bench.mobility.guests!.pause(guest, bench.now, bench.wall());
    answer('refused');
    expect(bench.holding.get(guest.key)?.towards).toBeUndefined();
    bench.pass(5000);
    expect(bench.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 7 });
    bench.mobility.guests!.expect(newcomer(1), 60_000, bench.now, bench.wall());
    bench.pass(10_000);
    expect(outcomes()).toEqual(['refused', 'unanswered']);
  });

  it('tells the gateway when the machine goes on, told or by its own binding', () => {
    bench.mobility.guests!.pause(guest, bench.now, bench.wall());
    answer('ok');
    bench.mobility.guests!.runs(guest, bench.now, bench.wall());
    expect(bench.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 7 });
    answer('ok');
    expect(router.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 5 });
    bench.mobility.guests!.pause(guest, bench.now, bench.wall());
    answer('ok');
    bench.receive(ACCESS, 7, bindingMessage(bindingOf(beacon, { accessPoint: host, sequence: 101 })));
    answer('ok');
    expect([bench, router].map(({ mobility }) => mobility.binding(guest)?.state)).toEqual(['live', 'live']);
  });

  it('holds for nobody whom it does not have', () => {
    expect(bench.mobility.guests!.pause(newcomer(1), bench.now, bench.wall())).toBe(false);
    expect(bench.sentOf(MobilityKind.NOTICE)).toEqual([]);
  });

  it('takes answers from its gateway only', () => {
    bench.mobility.guests!.pause(guest, bench.now, bench.wall());
    const { sequence } = lastSequence();
    bench.receive(ACCESS, 7, encodeNoticeAck({ hid: guest, host, sequence, status: 'ok' }));
    bench.receive(UPLINK, 9, encodeNoticeAck({ hid: guest, host, sequence, status: 'ok' }));
    bench.receive(UPLINK, 1, encodeNoticeAck({ hid: guest, host, sequence: sequence + 1, status: 'ok' }));
    expect(bench.holding.get(guest.key)?.towards).toBeUndefined();
    expect(outcomes()).toEqual([]);
  });
});
