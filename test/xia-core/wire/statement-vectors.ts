import { concatBytes } from '../../../xia-core/src/bytes/index.js';
import { hostDag, serviceDag } from '../../../xia-core/src/dag/index.js';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import {
  sealBeacon,
  sealBinding,
  sealBindingAck,
  sealCertificate,
  sealNotice,
  sealPrepare,
  sealRelay,
} from '../../../xia-core/src/wire/mobility-statements.js';
import { sealRecord } from '../../../xia-core/src/wire/name-messages.js';
import { sealHello, sealLinkState } from '../../../xia-core/src/wire/routing-statements.js';
import { PrincipalType, SID_NAME_SERVICE, Xid, type Identity } from '../../../xia-core/src/xid/index.js';
import { fixedIdentity } from '../mobility/support/fixed-identity.js';

const NOW = 1_800_000_000_000;
const seeds = { ad: 1, router: 2, host: 3, mobile: 4 } as const;
type Role = keyof typeof seeds;

const identityOf = (role: Role): Identity => fixedIdentity(seeds[role]);
const hid = (role: Role): Xid => new Xid(PrincipalType.HID, identityOf(role).id);
const ad = new Xid(PrincipalType.AD, identityOf('ad').id);
const previousAd = Xid.of(PrincipalType.AD, 'a'.repeat(40));
const token = Uint8Array.from({ length: 16 }, (_, index) => index);
const life = Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1);

export interface StatementVector {
  readonly kind: number;
  readonly name: string;
  /** Whose key signs it, by the name of its seed. */
  readonly signer: Role;
  readonly bytes: Uint8Array;
}

/** The Ed25519 seeds that the vectors are made from: the number as 32 big-endian bytes. */
export const vectorSeeds = seeds;

/** One statement of each kind that this layer defines, made anew from the fixed keys. */
export function makeStatementVectors(): readonly StatementVector[] {
  const certificate = sealCertificate({ ad, hid: hid('router'), notBefore: NOW, notAfter: NOW + 86_400_000 }, identityOf('ad'));
  const beacon = sealBeacon(
    {
      ad,
      hid: hid('router'),
      sequence: NOW,
      issuedMs: NOW,
      lifetimeMs: 1000,
      intervalMs: 100,
      nameServer: serviceDag(ad, hid('host'), SID_NAME_SERVICE),
      mtu: 1500,
      token,
      life,
      certificate,
    },
    identityOf('router'),
  );
  const relay = sealRelay({ hid: hid('host'), beacon: nodeCrypto.hash(beacon), mtu: 1400, life }, identityOf('host'));
  const binding = sealBinding(
    {
      hid: hid('mobile'),
      ad,
      router: hid('router'),
      sequence: NOW + 1,
      issuedMs: NOW + 1,
      lifetimeMs: 30_000,
      token,
      previousAds: [previousAd],
      accessPoint: hid('host'),
    },
    identityOf('mobile'),
  );
  const ack = sealBindingAck(
    {
      hid: hid('mobile'),
      ad,
      router: hid('router'),
      sequence: NOW + 1,
      issuedMs: NOW + 2,
      status: 'ok',
      lifetimeMs: 30_000,
      certificate,
    },
    identityOf('router'),
  );
  const record = sealRecord(
    { name: 'calc.example', dag: hostDag(ad, hid('mobile')), sequence: NOW, issuedMs: NOW, ttlMs: 60_000 },
    identityOf('mobile'),
  );
  const hello = sealHello(
    {
      ad,
      hid: hid('router'),
      instance: NOW,
      sequence: 7,
      helloMs: 150,
      deadMs: 600,
      challenge: token.slice(0, 8),
      heard: [[hid('host'), token.slice(8)]],
      certificate,
    },
    identityOf('router'),
  );
  const linkState = sealLinkState(
    {
      ad,
      router: hid('router'),
      fragment: 0,
      sequence: NOW,
      issuedMs: NOW,
      lifetimeMs: 60_000,
      links: [[hid('host'), 10]],
      hosts: [],
      certificate,
    },
    identityOf('router'),
  );
  const notice = sealNotice(
    {
      hid: hid('mobile'),
      host: hid('host'),
      router: hid('router'),
      phase: 'coming',
      sequence: NOW + 3,
      issuedMs: NOW + 3,
      lifetimeMs: 60_000,
    },
    identityOf('host'),
  );
  const prepare = sealPrepare(
    {
      hid: hid('mobile'),
      host: hid('host'),
      place: nodeCrypto.hash(concatBytes(beacon, relay)),
      sequence: NOW + 4,
      issuedMs: NOW + 4,
      lifetimeMs: 10_000,
    },
    identityOf('host'),
  );
  return [
    { kind: 1, name: 'certificate', signer: 'ad', bytes: certificate },
    { kind: 2, name: 'beacon', signer: 'router', bytes: beacon },
    { kind: 3, name: 'relay', signer: 'host', bytes: relay },
    { kind: 4, name: 'binding', signer: 'mobile', bytes: binding },
    { kind: 5, name: 'binding-ack', signer: 'router', bytes: ack },
    { kind: 6, name: 'record', signer: 'mobile', bytes: record },
    { kind: 7, name: 'hello', signer: 'router', bytes: hello },
    { kind: 8, name: 'link-state', signer: 'router', bytes: linkState },
    { kind: 9, name: 'notice', signer: 'host', bytes: notice },
    { kind: 10, name: 'prepare', signer: 'host', bytes: prepare },
  ];
}
