import * as v from 'valibot';
import type { Dag } from '../dag/index.js';
import type { Identity, Xid } from '../xid/index.js';
import { adField, bytesField, hidField, optionalDagField, wholeField } from './schema-fields.js';
import { MAX_STATEMENT_BYTES, STATEMENT_HEADER_BYTES, StatementKind, sealStatement } from './statement.js';

/**
 * The statements that mobility is made of. Each has a schema (what is accepted from the wire), the type that the schema
 * gives, and a `seal` function that fixes the order of its keys. Times ending in `Ms` of `issued`, `notBefore` and
 * `notAfter` are wall-clock milliseconds since 1970; durations are milliseconds.
 */

export const TOKEN_BYTES = 16;
export const LIFE_BYTES = 8;
export const MAX_PREVIOUS_ADS = 4;
export const MAX_RELAYS = 4;
/** No beacon or binding may ask to be believed for longer than a day. */
export const MAX_LIFETIME_MS = 86_400_000;

const statementField = bytesField(STATEMENT_HEADER_BYTES + 1, MAX_STATEMENT_BYTES);
/** Random, and the same as long as a node remembers who is bound to it: another one says that it has begun anew. */
const lifeField = bytesField(LIFE_BYTES, LIFE_BYTES);
const mtuField = v.pipe(wholeField(65_535), v.minValue(576));

/** The AD lets this router speak for it. Signed by the AD's key. */
export const certificateSchema = v.strictObject({
  ad: adField,
  hid: hidField,
  notBefore: wholeField(),
  notAfter: wholeField(),
});
export type Certificate = v.InferOutput<typeof certificateSchema>;

export function sealCertificate(certificate: Certificate, adIdentity: Identity): Uint8Array {
  const { ad, hid, notBefore, notAfter } = certificate;
  return sealStatement(StatementKind.CERTIFICATE, { ad: ad.id, hid: hid.id, notBefore, notAfter }, adIdentity);
}

/** "Here is this AD." Signed by the router's key, which the certificate inside ties to the AD. */
export const beaconSchema = v.strictObject({
  ad: adField,
  hid: hidField,
  sequence: wholeField(),
  issuedMs: wholeField(),
  /** How long after `issuedMs` the beacon may be believed. */
  lifetimeMs: v.pipe(wholeField(MAX_LIFETIME_MS), v.minValue(1)),
  /** How often the router sends one, so that a listener knows what silence is. */
  intervalMs: v.pipe(wholeField(MAX_LIFETIME_MS), v.minValue(1)),
  nameServer: optionalDagField,
  mtu: mtuField,
  token: bytesField(TOKEN_BYTES, TOKEN_BYTES),
  life: lifeField,
  certificate: statementField,
});
export type Beacon = v.InferOutput<typeof beaconSchema>;

export function sealBeacon(beacon: Beacon, routerIdentity: Identity): Uint8Array {
  const { ad, hid, sequence, issuedMs, lifetimeMs, intervalMs, nameServer, mtu, token, life, certificate } = beacon;
  return sealStatement(
    StatementKind.BEACON,
    {
      ad: ad.id,
      hid: hid.id,
      sequence,
      issuedMs,
      lifetimeMs,
      intervalMs,
      nameServer: dagBytes(nameServer),
      mtu,
      token,
      life,
      certificate,
    },
    routerIdentity,
  );
}

/** "I am a host through which that beacon's AD is reached." Signed by the relaying host's key. */
export const relaySchema = v.strictObject({
  hid: hidField,
  /** The first 20 bytes of the SHA-256 of the whole beacon statement. */
  beacon: bytesField(20, 20),
  mtu: mtuField,
  life: lifeField,
});
export type Relay = v.InferOutput<typeof relaySchema>;

export function sealRelay(relay: Relay, hostIdentity: Identity): Uint8Array {
  const { hid, beacon, mtu, life } = relay;
  return sealStatement(StatementKind.RELAY, { hid: hid.id, beacon, mtu, life }, hostIdentity);
}

/** "I am here." Signed by the key of the HID that attaches, renews, moves or (lifetime 0) detaches. */
export const bindingSchema = v.strictObject({
  hid: hidField,
  ad: adField,
  router: hidField,
  sequence: wholeField(),
  issuedMs: wholeField(),
  lifetimeMs: wholeField(MAX_LIFETIME_MS),
  /** The token of the newest beacon heard from that router: shows that the binding is fresh. */
  token: bytesField(TOKEN_BYTES, TOKEN_BYTES),
  /** ADs under whose addresses packets may still come, the latest first; the binding travels on to them. */
  previousAds: v.pipe(v.array(adField), v.maxLength(MAX_PREVIOUS_ADS)),
  /** The node that is attached to directly: the router itself or the last host that relayed the beacon. */
  accessPoint: hidField,
});
export type Binding = v.InferOutput<typeof bindingSchema>;

export function sealBinding(binding: Binding, identity: Identity): Uint8Array {
  const { hid, ad, router, sequence, issuedMs, lifetimeMs, token, previousAds, accessPoint } = binding;
  return sealStatement(
    StatementKind.BINDING,
    {
      hid: hid.id,
      ad: ad.id,
      router: router.id,
      sequence,
      issuedMs,
      lifetimeMs,
      token,
      previousAds: previousAds.map((previous: Xid) => previous.id),
      accessPoint: accessPoint.id,
    },
    identity,
  );
}

/** What a gateway says to a binding: `ok`, or why not. */
export const bindingStatuses = ['ok', 'stale', 'bad-token', 'rate-limited', 'table-full', 'frozen'] as const;
export type BindingStatus = (typeof bindingStatuses)[number];

/** The gateway's answer. Signed by the router's key; with the certificate inside it proves itself to a third party. */
export const bindingAckSchema = v.strictObject({
  hid: hidField,
  ad: adField,
  router: hidField,
  sequence: wholeField(),
  /** The gateway's clock, which the age of the pair is judged by: the one who moved may have been stopped for long. */
  issuedMs: wholeField(),
  status: v.picklist(bindingStatuses),
  /** What the gateway grants; at most what was asked for. */
  lifetimeMs: wholeField(MAX_LIFETIME_MS),
  certificate: statementField,
});
export type BindingAck = v.InferOutput<typeof bindingAckSchema>;

export function sealBindingAck(ack: BindingAck, routerIdentity: Identity): Uint8Array {
  const { hid, ad, router, sequence, issuedMs, status, lifetimeMs, certificate } = ack;
  return sealStatement(
    StatementKind.BINDING_ACK,
    { hid: hid.id, ad: ad.id, router: router.id, sequence, issuedMs, status, lifetimeMs, certificate },
    routerIdentity,
  );
}

/** What a host says of a guest: it is about to come here, or it stands still here, about to go. */
export const noticePhases = ['coming', 'paused'] as const;
export type NoticePhase = (typeof noticePhases)[number];

/** No notice holds for longer than a minute. */
export const MAX_NOTICE_LIFETIME_MS = 60_000;

/** "That guest is about to come here, or go from here." Signed by the key of the host; it speaks for nobody else. */
export const noticeSchema = v.strictObject({
  hid: hidField,
  /** Who signs it, and where the guest comes to or goes from. */
  host: hidField,
  /** The gateway that it is for. */
  router: hidField,
  phase: v.picklist(noticePhases),
  sequence: wholeField(),
  issuedMs: wholeField(),
  /** 0 takes the notice back. */
  lifetimeMs: wholeField(MAX_NOTICE_LIFETIME_MS),
});
export type Notice = v.InferOutput<typeof noticeSchema>;

export function sealNotice(notice: Notice, hostIdentity: Identity): Uint8Array {
  const { hid, host, router, phase, sequence, issuedMs, lifetimeMs } = notice;
  return sealStatement(
    StatementKind.NOTICE,
    { hid: hid.id, host: host.id, router: router.id, phase, sequence, issuedMs, lifetimeMs },
    hostIdentity,
  );
}

/** "My guest, you may soon be there." Signed by the key of the host that the guest is attached to. */
export const prepareSchema = v.strictObject({
  /** The guest that it is for. */
  hid: hidField,
  /** Who signs it: the guest's present access point. */
  host: hidField,
  /** The first 20 bytes of the SHA-256 of the beacon and the relays that go with it, one after the other. */
  place: bytesField(20, 20),
  sequence: wholeField(),
  issuedMs: wholeField(),
  lifetimeMs: wholeField(MAX_NOTICE_LIFETIME_MS),
});
export type Prepare = v.InferOutput<typeof prepareSchema>;

export function sealPrepare(prepare: Prepare, hostIdentity: Identity): Uint8Array {
  const { hid, host, place, sequence, issuedMs, lifetimeMs } = prepare;
  return sealStatement(StatementKind.PREPARE, { hid: hid.id, host: host.id, place, sequence, issuedMs, lifetimeMs }, hostIdentity);
}

/** What a gateway says to a notice: `ok`, or why it does not act on it. `refused`: the guest is not behind that host. */
export const noticeStatuses = ['ok', 'table-full', 'frozen', 'refused'] as const;
export type NoticeStatus = (typeof noticeStatuses)[number];

function dagBytes(dag: Dag | undefined): Uint8Array {
  return dag?.wire ?? new Uint8Array(0);
}
