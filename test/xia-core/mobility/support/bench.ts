import { SeededRandom } from '../../../../xia-core/src/bytes/index.js';
import type { Dag } from '../../../../xia-core/src/dag/index.js';
import { nodeCrypto } from '../../../../xia-core/src/io/node-crypto.js';
import type { MobilityEvent } from '../../../../xia-core/src/mobility/events.js';
import type { Hop } from '../../../../xia-core/src/mobility/links.js';
import { Mobility } from '../../../../xia-core/src/mobility/mobility.js';
import type { MobilityLimits, MobilityOptions } from '../../../../xia-core/src/mobility/mobility-options.js';
import {
  MobilityKind,
  decodeMobilityMessage,
  encodeBindingMessage,
  type MobilityMessage,
} from '../../../../xia-core/src/wire/mobility-messages.js';
import {
  bindingAckSchema,
  beaconSchema,
  sealBinding,
  sealCertificate,
  type Beacon,
  type Binding,
  type BindingAck,
} from '../../../../xia-core/src/wire/mobility-statements.js';
import { StatementKind, openStatement } from '../../../../xia-core/src/wire/statement.js';
import { PrincipalType, Xid, type CryptoSuite, type Identity } from '../../../../xia-core/src/xid/index.js';
import { fixedIdentity } from './fixed-identity.js';

export const WALL = 1_800_000_000_000;
export const ACCESS = 1;
export const UPLINK = 2;
export const PEER = 3;

export const hidOf = (identity: Identity): Xid => new Xid(PrincipalType.HID, identity.id);
export const adOf = (identity: Identity): Xid => new Xid(PrincipalType.AD, identity.id);

export const keys = {
  ad: fixedIdentity(10),
  router: fixedIdentity(11),
  host: fixedIdentity(12),
  guest: fixedIdentity(13),
  otherAd: fixedIdentity(20),
  otherRouter: fixedIdentity(21),
  mallory: fixedIdentity(66),
};

export const certificate = sealCertificate(
  { ad: adOf(keys.ad), hid: hidOf(keys.router), notBefore: WALL - 1000, notAfter: WALL + 86_400_000 },
  keys.ad,
);
export const otherCertificate = sealCertificate(
  { ad: adOf(keys.otherAd), hid: hidOf(keys.otherRouter), notBefore: WALL - 1000, notAfter: WALL + 86_400_000 },
  keys.otherAd,
);

/** One node under a microscope: what it sends is kept, what it routes is a map, and time is a number. */
export class Bench {
  readonly mobility: Mobility;
  readonly routes = new Map<string, Hop>();
  readonly adRoutes = new Map<string, Hop>();
  readonly hidRoutes = new Map<string, Hop>();
  /** HIDs whose packets wait. */
  readonly holding = new Map<string, { readonly from: Hop | undefined; readonly towards: Hop | undefined }>();
  /** HIDs whose route is gone, and that nobody else may have a route for. */
  readonly held = new Set<string>();
  readonly events: MobilityEvent[] = [];
  readonly sent: Array<{ face: number; neighbour: number; message: MobilityMessage }> = [];
  /** Datagrams to nodes that are not neighbours. */
  readonly sentFar: Array<{ destination: Dag; payload: Uint8Array }> = [];
  now = 1000;

  constructor(role: MobilityOptions['role'], identity: Identity, limits: MobilityLimits = {}, crypto: CryptoSuite = nodeCrypto) {
    this.mobility = new Mobility({
      role,
      identity,
      crypto,
      rng: new SeededRandom(1),
      faces: { access: () => [ACCESS], uplink: () => [UPLINK] },
      sink: {
        sendLink: (face, neighbour, payload) => {
          const decoded = decodeMobilityMessage(payload);
          if (decoded.ok) this.sent.push({ face, neighbour, message: decoded.message });
        },
      },
      routes: {
        set: (hid, hop) => {
          this.holding.delete(hid.key);
          this.routes.set(hid.key, hop);
        },
        delete: (hid, isHeld) => {
          this.holding.delete(hid.key);
          this.routes.delete(hid.key);
          if (isHeld) this.held.add(hid.key);
          else this.held.delete(hid.key);
        },
        hold: (hid, from, towards) => {
          this.routes.delete(hid.key);
          this.holding.set(hid.key, { from, towards });
        },
      },
      adRoute: (ad) => this.adRoutes.get(ad.key),
      hidRoute: (hid) => this.hidRoutes.get(hid.key),
      send: (destination, payload) => void this.sentFar.push({ destination, payload }),
      onEvent: (event) => this.events.push(event),
      limits,
    });
  }

  static router(limits: MobilityLimits = {}, crypto: CryptoSuite = nodeCrypto): Bench {
    const bench = new Bench({ kind: 'router', ad: adOf(keys.ad), certificate, beacon: { mtu: 1500 } }, keys.router, limits, crypto);
    bench.timeout();
    return bench;
  }

  receive(face: number, neighbour: number, payload: Uint8Array): void {
    this.mobility.handleMessage(face, neighbour, payload, face === ACCESS, this.now, this.wall());
  }

  timeout(): void {
    this.mobility.handleTimeout(this.now, this.wall());
  }

  /** Lets time pass, with every timer called when it is due. */
  pass(durationMs: number): void {
    const end = this.now + durationMs;
    while (this.mobility.nextTimeout() <= end) {
      this.now = Math.max(this.now, this.mobility.nextTimeout());
      this.timeout();
    }
    this.now = end;
  }

  wall(): number {
    return WALL + this.now;
  }

  sentOf<K extends MobilityMessage['kind']>(
    kind: K,
  ): Array<{ face: number; neighbour: number; message: Extract<MobilityMessage, { kind: K }> }> {
    return this.sent.filter((item) => item.message.kind === kind) as never;
  }

  /** The newest ack that was sent. */
  lastAck(): BindingAck | undefined {
    const last = this.sentOf(MobilityKind.BINDING_ACK).at(-1);
    return last && readAck(last.message.ack);
  }

  /** The newest beacon that was sent. */
  lastBeacon(): Beacon {
    const { beacon } = this.sentOf(MobilityKind.BEACON).at(-1)!.message;
    const opened = openStatement(beacon, StatementKind.BEACON, nodeCrypto, beaconSchema);
    if (!opened.ok) throw new Error(opened.reason);
    return opened.value;
  }
}

export function readAck(bytes: Uint8Array): BindingAck {
  const opened = openStatement(bytes, StatementKind.BINDING_ACK, nodeCrypto, bindingAckSchema);
  if (!opened.ok) throw new Error(opened.reason);
  return opened.value;
}

/** A binding of the guest to the bench's router, with what the test wants different. */
export function bindingOf(beacon: Beacon, changes: Partial<Binding> = {}, signer: Identity = keys.guest): Uint8Array {
  return sealBinding(
    {
      hid: hidOf(keys.guest),
      ad: beacon.ad,
      router: beacon.hid,
      sequence: 100,
      issuedMs: WALL,
      lifetimeMs: 30_000,
      token: beacon.token,
      previousAds: [],
      accessPoint: beacon.hid,
      ...changes,
    },
    signer,
  );
}

export const bindingMessage = (binding: Uint8Array): Uint8Array => encodeBindingMessage({ binding });
