import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_HAVE,
  MAX_ROUTING_MESSAGE_BYTES,
  RoutingKind,
  decodeRoutingMessage,
  encodeHave,
  encodeRoutingStatement,
} from '../../../xia-core/src/wire/routing-messages.js';
import {
  FIRST_HOST_FRAGMENT,
  MAX_FRAGMENT,
  MAX_FRAGMENT_HOSTS,
  MAX_FRAGMENT_LINKS,
  MAX_HEARD,
  helloSchema,
  linkStateSchema,
  sealHello,
  sealLinkState,
  type Hello,
  type LinkState,
} from '../../../xia-core/src/wire/routing-statements.js';
import { StatementKind, openStatement, sealStatement } from '../../../xia-core/src/wire/statement.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { cheapCrypto, cheapIdentity } from '../mobility/support/cheap-crypto.js';
import { WALL_START, adOf, certificateFor, hidOf } from '../routing/support/routing-world.js';

const identity = cheapIdentity(1);
const certificate = certificateFor(1, identity);

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const hid = bytes(20).map((id) => new Xid(PrincipalType.HID, id));
const ad = bytes(20).map((id) => new Xid(PrincipalType.AD, id));
const whole = (maximum = Number.MAX_SAFE_INTEGER, minimum = 0): fc.Arbitrary<number> => fc.integer({ min: minimum, max: maximum });

const hello: fc.Arbitrary<Hello> = fc.record({
  ad,
  hid,
  instance: whole(),
  sequence: whole(),
  helloMs: whole(60_000, 1),
  deadMs: whole(60_000, 1),
  challenge: bytes(8),
  heard: fc.array(fc.tuple(hid, bytes(8)), { maxLength: MAX_HEARD }),
  certificate: fc.constant(certificate),
});

const linkState: fc.Arbitrary<LinkState> = fc
  .record({
    ad,
    router: hid,
    fragment: whole(MAX_FRAGMENT),
    sequence: whole(),
    issuedMs: whole(),
    lifetimeMs: whole(3_600_000, 1),
    links: fc.array(fc.tuple(hid, whole(65_535, 1)), { maxLength: MAX_FRAGMENT_LINKS }),
    hosts: fc.array(fc.tuple(hid, whole()), { maxLength: MAX_FRAGMENT_HOSTS }),
    certificate: fc.constant(certificate),
  })
  .map((all) => (all.fragment < FIRST_HOST_FRAGMENT ? { ...all, hosts: [] } : { ...all, links: [] }));

describe('statements of routers', () => {
  it('come out of their bytes as they went in', () => {
    fc.assert(
      fc.property(hello, linkState, (oneHello, oneState) => {
        const opened = openStatement(sealHello(oneHello, identity), StatementKind.HELLO, cheapCrypto, helloSchema);
        expect(JSON.stringify(opened.ok && opened.value)).toBe(JSON.stringify(oneHello));
        const state = openStatement(sealLinkState(oneState, identity), StatementKind.LINK_STATE, cheapCrypto, linkStateSchema);
        expect(JSON.stringify(state.ok && state.value)).toBe(JSON.stringify(oneState));
      }),
      { numRuns: 50 },
    );
  });

  it('fit into a packet of 1280 bytes when they are full', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const many = (count: number): Xid[] => Array.from({ length: count }, (_, index) => hidOf(index));
    const base = { ad: adOf(1), certificate, sequence: most };
    const times = { issuedMs: most, lifetimeMs: 3_600_000 };
    const full = [
      sealHello(
        {
          ...base,
          hid: hidOf(1),
          instance: most,
          helloMs: 60_000,
          deadMs: 60_000,
          challenge: new Uint8Array(8),
          heard: many(MAX_HEARD).map((router) => [router, new Uint8Array(8)]),
        },
        identity,
      ),
      sealLinkState(
        { ...base, ...times, router: hidOf(1), fragment: 0, links: many(MAX_FRAGMENT_LINKS).map((end) => [end, 65_535]), hosts: [] },
        identity,
      ),
      sealLinkState(
        {
          ...base,
          ...times,
          router: hidOf(1),
          fragment: MAX_FRAGMENT,
          links: [],
          hosts: many(MAX_FRAGMENT_HOSTS).map((host) => [host, most]),
        },
        identity,
      ),
    ];
    for (const statement of full) {
      const message = encodeRoutingStatement(RoutingKind.HELLO, statement);
      expect(message.length).toBeLessThanOrEqual(MAX_ROUTING_MESSAGE_BYTES);
      expect(decodeRoutingMessage(message)).toMatchObject({ ok: true });
    }
    const have = many(MAX_HAVE).map((router) => ({ router, fragment: MAX_FRAGMENT, sequence: most }));
    const decoded = decodeRoutingMessage(encodeHave(have));
    expect(JSON.stringify(decoded)).toBe(JSON.stringify({ ok: true, message: { kind: RoutingKind.HAVE, have } }));
  });

  it('are refused with more in them, or with hosts among the links', () => {
    const entry = [hidOf(2).id, 1];
    const body = {
      ad: adOf(1).id,
      router: hidOf(1).id,
      fragment: 0,
      sequence: 1,
      issuedMs: WALL_START,
      lifetimeMs: 1,
      links: [entry],
      hosts: [] as unknown[],
      certificate,
    };
    const reasonOf = (changes: object): unknown => {
      const opened = openStatement(
        sealStatement(StatementKind.LINK_STATE, { ...body, ...changes }, identity),
        StatementKind.LINK_STATE,
        cheapCrypto,
        linkStateSchema,
      );
      return opened.ok || opened.reason;
    };
    expect(reasonOf({})).toBe(true);
    expect(reasonOf({ links: Array.from({ length: MAX_FRAGMENT_LINKS + 1 }, () => entry) })).toBe('bad-body');
    expect(reasonOf({ hosts: [entry] })).toBe('bad-body');
    expect(reasonOf({ fragment: FIRST_HOST_FRAGMENT })).toBe('bad-body');
    expect(reasonOf({ links: [[hidOf(2).id, 0]] })).toBe('bad-body');
    expect(reasonOf({ lifetimeMs: 3_600_001 })).toBe('bad-body');
    expect(reasonOf({ more: 1 })).toBe('unknown-key');
  });
});

describe('messages to the routing SID', () => {
  it('are decoded or refused, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(4), (rest, kind) => {
        expect(typeof decodeRoutingMessage(Uint8Array.of(kind, ...rest)).ok).toBe('boolean');
      }),
    );
    expect(decodeRoutingMessage(new Uint8Array(MAX_ROUTING_MESSAGE_BYTES + 1))).toEqual({ ok: false, reason: 'oversized' });
    expect(decodeRoutingMessage(Uint8Array.of(9, 0x80))).toEqual({ ok: false, reason: 'unknown-kind' });
    expect(decodeRoutingMessage(new Uint8Array(1))).toEqual({ ok: false, reason: 'truncated' });
  });
});
