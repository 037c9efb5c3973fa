import {
  beaconSchema,
  decodeMobilityMessage,
  encodeBindingMessage,
  encodeChunkRequest,
  encodeChunkResponseHeader,
  encodeDgramHeader,
  encodeEcho,
  encodeXip,
  hostDag,
  linkLocalDag,
  MobilityKind,
  NextHeader,
  openStatement,
  PrincipalType,
  sealBinding,
  serviceDag,
  SID_BOOTSTRAP,
  StatementKind,
  StreamPacketWriter,
  Xid,
  XipView,
  CHUNK_RESPONSE_BYTES,
  contentDag,
  type Beacon,
  type Dag,
  type SeededRandom,
} from 'xia-core';
import { simCrypto, simIdentity } from './sim-identity.js';

/** What an attacker knows of the network. */
export interface Prey {
  readonly rng: SeededRandom;
  /** The AD and the router that it is attached to. */
  readonly ad: Xid;
  readonly router: Xid;
  /** A service behind the router, with its AD. */
  readonly service: { readonly ad: Xid; readonly hid: Xid; readonly sid: Xid };
  /** The newest beacon that was heard. */
  readonly beacon: () => Beacon;
}

const DGRAM_BYTES = encodeDgramHeader().length;

const anyXid = (rng: SeededRandom, type: number): Xid => new Xid(type, rng.bytes(20));
/** An address that nobody has. */
const anybody = (rng: SeededRandom): Dag => hostDag(anyXid(rng, PrincipalType.AD), anyXid(rng, PrincipalType.HID));

function echo(prey: Prey, destination: Dag, hopLimit = 250): Uint8Array {
  const payload = encodeEcho({ id: 1, sequence: 1, data: prey.rng.bytes(64) });
  return encodeXip({ nextHeader: NextHeader.XCMP, destination, source: anybody(prey.rng), payload, hopLimit });
}

function binding(prey: Prey, isForged: boolean): Uint8Array {
  const { token, hid: router, ad } = prey.beacon();
  const identity = simIdentity(prey.rng);
  const hid = new Xid(PrincipalType.HID, identity.id);
  const fields = { hid, ad, router, accessPoint: router, sequence: 1, lifetimeMs: 30_000, previousAds: [] };
  const sealed = sealBinding({ ...fields, token, issuedMs: 1_700_000_000_000 }, identity);
  if (isForged) sealed[40]! ^= 1;
  const message = encodeBindingMessage({ binding: sealed });
  const payload = [encodeDgramHeader(), message];
  return encodeXip({ nextHeader: NextHeader.TRANSPORT, destination: linkLocalDag(SID_BOOTSTRAP), source: anybody(prey.rng), payload });
}

function partialChunk(prey: Prey): Uint8Array {
  const { rng, service } = prey;
  const head = new Uint8Array(CHUNK_RESPONSE_BYTES);
  encodeChunkResponseHeader(head, 0, { offset: rng.below(1000) * 1000, length: 400, chunkLength: 4_000_000, ttlSeconds: 60 });
  const source = contentDag(anyXid(rng, PrincipalType.AD), anyXid(rng, PrincipalType.HID), anyXid(rng, PrincipalType.CID));
  const destination = serviceDag(service.ad, service.hid, anyXid(rng, PrincipalType.SID));
  return encodeXip({ nextHeader: NextHeader.CHUNK, destination, source, payload: [head, rng.bytes(400)] });
}

const writer = new StreamPacketWriter();

function opening({ rng, service }: Prey): Uint8Array {
  const sid = anyXid(rng, PrincipalType.SID);
  writer.beginOpening(0, 0, rng.below(2 ** 32), rng.below(2 ** 32), 0);
  writer.open({ sid: sid.id, windowBytes: 65_536, idleTimeoutMs: 60_000, maxAckDelayMs: 25 });
  const source = serviceDag(anyXid(rng, PrincipalType.AD), anyXid(rng, PrincipalType.HID), sid);
  const destination = serviceDag(service.ad, service.hid, service.sid);
  return encodeXip({ nextHeader: NextHeader.STREAM, destination, source, payload: [writer.finish().slice()] });
}

/** Asks the router for a chunk in the name of somebody else. */
export function requestAs(victim: Dag, chunk: Dag): Uint8Array {
  const payload = encodeChunkRequest({ offset: 0, length: 0 });
  return encodeXip({ nextHeader: NextHeader.CHUNK, destination: chunk, source: victim, payload });
}

/** One packet of a flood. */
export const floods: Readonly<Record<string, (prey: Prey) => Uint8Array>> = {
  'unknown HIDs': (prey) => echo(prey, hostDag(undefined, anyXid(prey.rng, PrincipalType.HID))),
  'unknown ADs': (prey) => echo(prey, anybody(prey.rng)),
  'hop limits that end at the router': (prey) => echo(prey, hostDag(prey.service.ad, prey.service.hid), 1),
  'echoes to the router': (prey) => echo(prey, hostDag(prey.ad, prey.router)),
  'echoes to the service': (prey) => echo(prey, hostDag(prey.service.ad, prey.service.hid)),
  'pieces of chunks': partialChunk,
  'forged bindings': (prey) => binding(prey, true),
  'bindings of many HIDs': (prey) => binding(prey, false),
  'openings of streams': opening,
  noise: ({ rng }) => rng.bytes(1 + rng.below(300)),
};

/** The beacon in a packet, if there is one. */
export function beaconIn(packet: Uint8Array): Beacon | undefined {
  const view = new XipView();
  if (view.reset(packet) !== undefined || view.nextHeader !== NextHeader.TRANSPORT) return undefined;
  const decoded = decodeMobilityMessage(view.payload().subarray(DGRAM_BYTES));
  if (!decoded.ok || decoded.message.kind !== MobilityKind.BEACON) return undefined;
  const opened = openStatement(decoded.message.beacon, StatementKind.BEACON, simCrypto, beaconSchema);
  return opened.ok ? opened.value : undefined;
}
