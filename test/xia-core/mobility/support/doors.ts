import { hostDag, serviceDag } from '../../../../xia-core/src/dag/index.js';
import { nodeCrypto } from '../../../../xia-core/src/io/node-crypto.js';
import { MemoryRecordStore } from '../../../../xia-core/src/mobility/memory-record-store.js';
import type { MobilityLimits } from '../../../../xia-core/src/mobility/mobility-options.js';
import { NameServerCore } from '../../../../xia-core/src/mobility/name-server.js';
import {
  MobilityKind,
  encodeBeaconMessage,
  encodeBindingAckMessage,
  encodePatch,
  encodePrepare,
} from '../../../../xia-core/src/wire/mobility-messages.js';
import {
  bindingSchema,
  sealBeacon,
  sealBinding,
  sealBindingAck,
  sealCertificate,
  sealRelay,
} from '../../../../xia-core/src/wire/mobility-statements.js';
import { NameKind, decodeNameMessage, encodeRegister, sealRecord } from '../../../../xia-core/src/wire/name-messages.js';
import { StatementKind, openStatement } from '../../../../xia-core/src/wire/statement.js';
import { SID_NAME_SERVICE, type CryptoSuite, type Identity } from '../../../../xia-core/src/xid/index.js';
import { ACCESS, Bench, PEER, UPLINK, WALL, adOf, bindingMessage, certificate, hidOf, keys, otherCertificate } from './bench.js';
import { PreparingGuest, relayed, there } from './prepared.js';

/** What an attack may switch off. */
export interface Defences {
  readonly crypto?: CryptoSuite;
  readonly limits?: MobilityLimits;
}

/** How old a statement is made, in ms before now. */
export interface Age {
  readonly agedMs?: number;
}

/** A node that takes statements of one kind, and by which one sees whether it believed one. */
export interface Door {
  readonly name: string;
  readonly kind: StatementKind;
  /** Whose key has to sign. */
  readonly signer: Identity;
  /** A statement that is right but for who signs it, and how old it is. */
  readonly seal: (signer: Identity, age?: Age) => Uint8Array;
  /** Whether a fresh node acts on the statement. */
  readonly believes: (statement: Uint8Array, defences?: Defences) => boolean;
}

const guest = hidOf(keys.guest);
const unlimited: MobilityLimits = { messagesPerSecond: 1e9, bindingsPerSecond: 1e9 };
const token = new Uint8Array(16).fill(7);
const life = new Uint8Array(8).fill(1);

function beaconWith(certificateBytes: Uint8Array, signer: Identity = keys.router, { agedMs = 0 }: Age = {}): Uint8Array {
  const times = { sequence: WALL, issuedMs: WALL - agedMs, lifetimeMs: 1000, intervalMs: 100 };
  const place = { ad: adOf(keys.ad), hid: hidOf(keys.router), nameServer: undefined, mtu: 1500, token, life };
  return sealBeacon({ ...place, ...times, certificate: certificateBytes }, signer);
}

const goodBeacon = beaconWith(certificate);

function node(role: 'application' | 'transit', { crypto = nodeCrypto, limits = {} }: Defences = {}): Bench {
  return new Bench({ kind: role }, role === 'transit' ? keys.host : keys.guest, { ...unlimited, ...limits }, crypto);
}

/** Whether a node that looks for a place wants the one that the beacon tells of. */
function attractsBy(beacon: Uint8Array, relays: Uint8Array[], defences?: Defences): boolean {
  const bench = node('application', defences);
  bench.receive(UPLINK, 1, encodeBeaconMessage({ beacon, relays }));
  return bench.mobility.attachmentState === 'binding';
}

const patchBinding = (signer: Identity = keys.guest): Uint8Array =>
  sealBinding(
    {
      hid: guest,
      ad: adOf(keys.otherAd),
      router: hidOf(keys.otherRouter),
      sequence: 200,
      issuedMs: WALL,
      lifetimeMs: 30_000,
      token,
      previousAds: [adOf(keys.ad)],
      accessPoint: hidOf(keys.otherRouter),
    },
    signer,
  );

const patchAck = (signer: Identity = keys.otherRouter, { agedMs = 0 }: Age = {}): Uint8Array =>
  sealBindingAck(
    {
      hid: guest,
      ad: adOf(keys.otherAd),
      router: hidOf(keys.otherRouter),
      sequence: 200,
      issuedMs: WALL - agedMs,
      status: 'ok',
      lifetimeMs: 30_000,
      certificate: otherCertificate,
    },
    signer,
  );

function isPatchedBy(binding: Uint8Array, ack: Uint8Array, defences?: Defences): boolean {
  const bench = node('transit', defences);
  bench.receive(PEER, 2, encodePatch({ binding, ack }));
  return bench.routes.has(guest.key);
}

/** A router with the token that its beacons carry always, since it is the same chance that makes it. */
const routerBeacon = Bench.router().lastBeacon();

const certificateOf = (signer: Identity, { agedMs = 0 }: Age = {}): Uint8Array =>
  sealCertificate({ ad: adOf(keys.ad), hid: hidOf(keys.router), notBefore: WALL - 1000 - agedMs, notAfter: WALL + 1000 - agedMs }, signer);

/** The ack of the first binding of a fresh node, whose sequence is its clock. */
const ackOf = (signer: Identity, { agedMs = 0 }: Age = {}): Uint8Array =>
  sealBindingAck(
    {
      hid: guest,
      ad: adOf(keys.ad),
      router: hidOf(keys.router),
      sequence: WALL + 1000,
      issuedMs: WALL - agedMs,
      status: 'ok',
      lifetimeMs: 30_000,
      certificate,
    },
    signer,
  );

function bindsBy(ack: Uint8Array, defences?: Defences): boolean {
  const bench = node('application', defences);
  bench.receive(UPLINK, 1, encodeBeaconMessage({ beacon: goodBeacon, relays: [] }));
  const sent = bench.sentOf(MobilityKind.BINDING)[0]!.message.binding;
  const opened = openStatement(sent, StatementKind.BINDING, nodeCrypto, bindingSchema);
  if (!opened.ok || opened.value.sequence !== WALL + 1000) throw new Error('the ack is for another binding');
  bench.receive(UPLINK, 1, encodeBindingAckMessage({ ack, hid: guest }));
  return bench.mobility.attachmentState === 'bound';
}

function registersBy(record: Uint8Array, { crypto = nodeCrypto }: Defences = {}): boolean {
  let status: string | undefined;
  const send = (_to: unknown, payload: Uint8Array): void => {
    const decoded = decodeNameMessage(payload);
    if (decoded.ok && decoded.message.kind === NameKind.REPLY) status = decoded.message.status;
  };
  const server = new NameServerCore({ crypto, store: new MemoryRecordStore(), send });
  const from = serviceDag(adOf(keys.ad), guest, SID_NAME_SERVICE);
  server.handle(encodeRegister({ id: 1, record }), from, 0, WALL);
  return status === 'ok';
}

const world = new PreparingGuest();

function isPreparedBy(prepare: Uint8Array, { crypto = nodeCrypto, limits = {} }: Defences = {}): boolean {
  const asked = new PreparingGuest({}, { ...unlimited, ...limits }, crypto);
  asked.guest.receive(UPLINK, 1, encodePrepare({ prepare, ...relayed(world.away, there) }));
  return asked.signed().length === 1;
}

/** Every kind of signed statement of mobility, each at a node that would act on it. */
export const doors: readonly Door[] = [
  {
    name: 'certificate',
    kind: StatementKind.CERTIFICATE,
    signer: keys.ad,
    seal: certificateOf,
    believes: (statement, defences) => attractsBy(beaconWith(statement), [], defences),
  },
  {
    name: 'beacon',
    kind: StatementKind.BEACON,
    signer: keys.router,
    seal: (signer, age) => beaconWith(certificate, signer, age),
    believes: (statement, defences) => attractsBy(statement, [], defences),
  },
  {
    name: 'relay',
    kind: StatementKind.RELAY,
    signer: keys.host,
    seal: (signer) => sealRelay({ hid: hidOf(keys.host), beacon: nodeCrypto.hash(goodBeacon), mtu: 1400, life }, signer),
    believes: (statement, defences) => attractsBy(goodBeacon, [statement], defences),
  },
  {
    name: 'binding',
    kind: StatementKind.BINDING,
    signer: keys.guest,
    seal: (signer) =>
      sealBinding(
        {
          hid: guest,
          ad: adOf(keys.ad),
          router: hidOf(keys.router),
          sequence: 100,
          issuedMs: WALL,
          lifetimeMs: 30_000,
          token: routerBeacon.token,
          previousAds: [],
          accessPoint: hidOf(keys.router),
        },
        signer,
      ),
    believes(statement, { crypto = nodeCrypto, limits = {} } = {}) {
      const bench = Bench.router({ ...unlimited, ...limits }, crypto);
      bench.receive(ACCESS, 7, bindingMessage(statement));
      return bench.routes.has(guest.key);
    },
  },
  {
    name: 'ack',
    kind: StatementKind.BINDING_ACK,
    signer: keys.router,
    seal: ackOf,
    believes: bindsBy,
  },
  {
    name: 'binding of a patch',
    kind: StatementKind.BINDING,
    signer: keys.guest,
    seal: (signer) => patchBinding(signer),
    believes: (statement, defences) => isPatchedBy(statement, patchAck(), defences),
  },
  {
    name: 'ack of a patch',
    kind: StatementKind.BINDING_ACK,
    signer: keys.otherRouter,
    seal: patchAck,
    believes: (statement, defences) => isPatchedBy(patchBinding(), statement, defences),
  },
  {
    name: 'question to prepare',
    kind: StatementKind.PREPARE,
    signer: keys.host,
    seal: (signer, { agedMs = 0 } = {}) => world.statement({ host: hidOf(keys.host), issuedMs: WALL - agedMs, sequence: 1 }, signer),
    believes: isPreparedBy,
  },
  {
    name: 'record',
    kind: StatementKind.RECORD,
    signer: keys.guest,
    seal: (signer, { agedMs = 0 } = {}) =>
      sealRecord({ name: 'vm.example', dag: hostDag(adOf(keys.ad), guest), sequence: WALL, issuedMs: WALL - agedMs, ttlMs: 1000 }, signer),
    believes: registersBy,
  },
];
