import { beforeEach, describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../../xia-core/src/bytes/index.js';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import {
  MobilityKind,
  encodeBeaconMessage,
  encodePatch,
  encodePatchAck,
  encodeSolicit,
} from '../../../xia-core/src/wire/mobility-messages.js';
import { sealBeacon, sealBindingAck } from '../../../xia-core/src/wire/mobility-statements.js';
import { MAX_STATEMENT_BYTES, STATEMENT_HEADER_BYTES, StatementKind } from '../../../xia-core/src/wire/statement.js';
import type { CryptoSuite, Identity } from '../../../xia-core/src/xid/index.js';
import { ACCESS, Bench, PEER, UPLINK, WALL, adOf, bindingMessage, bindingOf, hidOf, keys, otherCertificate } from './support/bench.js';
import { doors } from './support/doors.js';

const guest = hidOf(keys.guest);
const SIGNATURE = { start: 34, end: 98 };
const DAY_MS = 86_400_000;

/** A node that looks at no signature. */
const credulous: CryptoSuite = { ...nodeCrypto, verify: () => true };
/** A node to which the attacker's key is that of `victim`. */
const mistaking = (victim: Identity): CryptoSuite => ({
  ...nodeCrypto,
  hash: (data) => (equalBytes(data, keys.mallory.publicKey) ? victim.id : nodeCrypto.hash(data)),
});
/** A node with no idea what time it is. */
const timeless = { skewMs: 10_000 * DAY_MS };

/** Signs as `identity`, but what a statement of another kind would have under its signature. */
function underDomainOf(kindName: string, identity: Identity): Identity {
  const domain = new TextEncoder().encode(`xia:${kindName}:v1\0`);
  return { ...identity, sign: (message) => identity.sign(concatBytes(domain, message.subarray(message.indexOf(0) + 1))) };
}

const domainNames = [
  'certificate',
  'beacon',
  'relay',
  'binding',
  'binding-ack',
  'record',
  'hello',
  'link-state',
  'notice',
  'prepare',
  'rebind',
];

describe.each(doors.map((door) => [door.name, door] as const))('an attack with a %s', (_name, door) => {
  const genuine = door.seal(door.signer);

  it('is needed: the genuine one is believed', () => {
    expect(door.believes(genuine)).toBe(true);
  });

  it('forged: a signature that nobody made', () => {
    const forged = genuine.slice().fill(0x5a, SIGNATURE.start, SIGNATURE.end);
    expect(door.believes(forged)).toBe(false);
    expect(door.believes(forged, { crypto: credulous }), 'without the look at the signature').toBe(true);
  });

  it('signed anew by another key, which is no key of that name', () => {
    const resigned = door.seal(keys.mallory);
    expect(door.believes(resigned)).toBe(false);
    expect(door.believes(resigned, { crypto: mistaking(door.signer) }), 'without the look at who signed').toBe(true);
  });

  it('with the key of the attacker put in', () => {
    const stolen = genuine.slice();
    stolen.set(keys.mallory.publicKey, 2);
    expect(door.believes(stolen)).toBe(false);
  });

  it('that was signed as a statement of another kind', () => {
    for (const name of domainNames) {
      const sealed = door.seal(underDomainOf(name, door.signer));
      expect(door.believes(sealed), name).toBe(equalBytes(sealed, genuine));
      expect(door.believes(sealed, { crypto: credulous }), 'without the look at the signature').toBe(true);
    }
  });

  it('that says to be of another kind', () => {
    for (const kind of Object.values(StatementKind)) {
      const renamed = genuine.slice();
      renamed[0] = kind;
      expect(door.believes(renamed), String(kind)).toBe(kind === door.kind);
    }
  });

  it('cut at every length, and with bytes behind', () => {
    for (let length = 0; length < genuine.length; length++) expect(door.believes(genuine.subarray(0, length)), String(length)).toBe(false);
    expect(door.believes(concatBytes(genuine, Uint8Array.of(0)))).toBe(false);
    expect(door.believes(genuine.subarray(0, STATEMENT_HEADER_BYTES), { crypto: credulous }), 'no body').toBe(false);
  });

  it('larger than any may be', () => {
    const oversized = new Uint8Array(MAX_STATEMENT_BYTES + 1);
    oversized.set(genuine);
    const refused = (() => {
      try {
        return !door.believes(oversized, { crypto: credulous });
      } catch (error) {
        // Nobody can even make a message, or a statement, of it.
        return (error as { code?: string }).code === 'too-large';
      }
    })();
    expect(refused).toBe(true);
  });

  it('with a bit changed in any byte', () => {
    for (let at = 0; at < genuine.length; at++) {
      const changed = genuine.slice();
      changed[at]! ^= 1 << (at & 7);
      expect(door.believes(changed), `byte ${at}`).toBe(false);
    }
  });
});

describe('a statement of long ago', () => {
  const dated = doors.filter(({ name }) =>
    ['certificate', 'beacon', 'ack', 'ack of a patch', 'question to prepare', 'record'].includes(name),
  );

  it.each(dated.map((door) => [door.name, door] as const))('is not believed: %s', (name, door) => {
    const old = door.seal(door.signer, { agedMs: 10 * DAY_MS });
    expect(door.believes(old)).toBe(false);
    // The name server has a limit of its own, which is no option.
    if (name !== 'record') expect(door.believes(old, { limits: timeless }), 'without a look at the clock').toBe(true);
  });
});

describe('a beacon', () => {
  const rogueBeacon = (sequence = WALL): Uint8Array =>
    encodeBeaconMessage({
      beacon: sealBeacon(
        {
          ad: adOf(keys.otherAd),
          hid: hidOf(keys.otherRouter),
          sequence,
          issuedMs: WALL,
          lifetimeMs: 1000,
          intervalMs: 100,
          nameServer: undefined,
          mtu: 1500,
          token: new Uint8Array(16),
          life: new Uint8Array(8),
          certificate: otherCertificate,
        },
        keys.otherRouter,
      ),
      relays: [],
    });

  it('of a rogue AD, all of it genuine, attracts nobody who has pinned the ADs to trust', () => {
    const pinned = new Bench({ kind: 'application', attach: { trustedAds: [adOf(keys.ad)] } }, keys.guest);
    pinned.receive(UPLINK, 1, rogueBeacon());
    expect(pinned.mobility.attachmentState).toBe('searching');
    expect(pinned.mobility.counters.get('beacon:untrusted-ad')).toBe(1);
    const open = new Bench({ kind: 'application' }, keys.guest);
    open.receive(UPLINK, 1, rogueBeacon());
    expect(open.mobility.attachmentState, 'who pins nothing goes there').toBe('binding');
  });

  it('of before is known again by its sequence', () => {
    const node = new Bench({ kind: 'application' }, keys.guest);
    node.receive(UPLINK, 1, rogueBeacon(WALL + 5));
    node.receive(UPLINK, 1, rogueBeacon(WALL + 4));
    expect(node.mobility.counters.get('beacon:replayed')).toBe(1);
  });

  it('is not taken from below: a guest cannot be the router of its host', () => {
    const host = new Bench({ kind: 'host', mtu: 1500 }, keys.host);
    host.receive(ACCESS, 7, rogueBeacon());
    expect(host.mobility.attachmentState).toBe('searching');
    host.receive(UPLINK, 7, rogueBeacon());
    expect(host.mobility.attachmentState).toBe('binding');
  });
});

describe('a binding', () => {
  let router: Bench;
  const here = { face: ACCESS, neighbour: 7 };
  const bind = (changes: Parameters<typeof bindingOf>[1] = {}, neighbour = 7, signer = keys.guest): void =>
    router.receive(ACCESS, neighbour, bindingMessage(bindingOf(router.lastBeacon(), changes, signer)));

  beforeEach(() => {
    router = Bench.router();
    bind();
  });

  it('of a host for the HID of another one turns nothing', () => {
    bind({ sequence: 500 }, 8, keys.mallory);
    expect(router.routes.get(guest.key)).toEqual(here);
    const gullible = Bench.router({}, mistaking(keys.guest));
    gullible.receive(ACCESS, 8, bindingMessage(bindingOf(gullible.lastBeacon(), { sequence: 500 }, keys.mallory)));
    expect(gullible.routes.get(guest.key), 'without the look at who signed').toEqual({ face: ACCESS, neighbour: 8 });
  });

  it('that was heard on the link and is sent from elsewhere turns nothing', () => {
    bind({}, 8);
    bind({ sequence: 99 }, 8);
    expect(router.routes.get(guest.key)).toEqual(here);
    router = Bench.router();
    bind({}, 8);
    expect(router.routes.get(guest.key), 'by a gateway that remembers nothing').toEqual({ face: ACCESS, neighbour: 8 });
  });

  it('that was kept until later has a token that is not good any more', () => {
    const kept = bindingOf(router.lastBeacon(), { sequence: 300 });
    const sendKept = () => router.receive(ACCESS, 8, bindingMessage(kept));
    router.pass(25_000);
    sendKept();
    expect(router.lastAck()?.status).toBe('bad-token');
    expect(router.routes.get(guest.key)).toEqual(here);
  });

  it('for this gateway is worth nothing to a rogue one that acks it as if it were its own', () => {
    const transit = new Bench({ kind: 'transit' }, keys.host);
    const binding = bindingOf(router.lastBeacon(), { sequence: 400 });
    const place = { hid: guest, sequence: 400, issuedMs: WALL, status: 'ok', lifetimeMs: 30_000, certificate: otherCertificate } as const;
    for (const claimed of [
      { ad: adOf(keys.otherAd), router: hidOf(keys.otherRouter) },
      { ad: adOf(keys.ad), router: hidOf(keys.otherRouter) },
    ]) {
      transit.receive(PEER, 1, encodePatch({ binding, ack: sealBindingAck({ ...place, ...claimed }, keys.otherRouter) }));
    }
    expect(transit.routes.size).toBe(0);
    expect(transit.mobility.counters.toJSON()).toMatchObject({ 'patch:mismatch': 1, 'patch:bad-certificate': 1 });
  });
});

describe('a PATCH_ACK, which nobody signs', () => {
  let router: Bench;
  const peer = { face: PEER, neighbour: 4 };
  const patches = (): number => router.sentOf(MobilityKind.PATCH).length;
  const answer = (face: number, neighbour: number, sequence: number): void =>
    router.receive(face, neighbour, encodePatchAck({ hid: guest, sequence }));

  beforeEach(() => {
    router = Bench.router();
    router.adRoutes.set(adOf(keys.otherAd).key, peer);
    router.receive(ACCESS, 7, bindingMessage(bindingOf(router.lastBeacon(), { previousAds: [adOf(keys.otherAd)] })));
    expect(patches()).toBe(1);
  });

  it.each([
    ['another neighbour', PEER, 5, 100],
    ['another face', ACCESS, 4, 100],
    ['one who does not know the sequence', PEER, 4, 101],
    ['one who says the largest there is', PEER, 4, Number.MAX_SAFE_INTEGER],
    ['one who repeats an old one', PEER, 4, 99],
  ])('keeps no patch from its node when it comes from %s', (_who, face, neighbour, sequence) => {
    answer(face, neighbour, sequence);
    router.pass(60);
    expect(patches()).toBe(2);
  });

  it('is believed from the hop that was told', () => {
    answer(PEER, 4, 100);
    router.pass(5000);
    expect(patches()).toBe(1);
  });

  it('that is believed wrongly costs the detour until the next renewal, which tells everybody again', () => {
    answer(PEER, 4, 100);
    const renewed = bindingOf(router.lastBeacon(), { sequence: 110, previousAds: [adOf(keys.otherAd)] });
    router.receive(ACCESS, 7, bindingMessage(renewed));
    expect(patches()).toBe(2);
  });
});

describe('a SOLICIT, which nobody signs', () => {
  it('is answered twenty times a second to one neighbour, whatever HID it says', () => {
    const router = Bench.router();
    router.sent.length = 0;
    for (let times = 0; times < 100; times++) router.receive(ACCESS, 7, encodeSolicit(guest));
    expect(router.sentOf(MobilityKind.BEACON)).toHaveLength(20);
    router.receive(ACCESS, 8, encodeSolicit(guest));
    expect(router.sentOf(MobilityKind.BEACON).at(-1)).toMatchObject({ face: ACCESS, neighbour: 8 });
    expect(router.mobility.counters.get('solicit:rate-limited')).toBe(80);
  });
});
