import {
  contentDag,
  Dag,
  encodeXip,
  NextHeader,
  PrincipalType,
  SeededRandom,
  serviceDag,
  writeU32BE,
  Xid,
  type ForwardingEngine,
} from 'xia-core';
import { Zipf } from './zipf.js';

/** How large the tables are, and how many packets are drawn. */
export interface WorkloadSize {
  readonly hids: number;
  readonly ads: number;
  readonly packets: number;
}

export interface RouteSpec {
  readonly type: number;
  readonly id: Uint8Array;
  readonly face: number;
  readonly neighbour: number;
}

const ZIPF_EXPONENT = 1;
const FACES = 8;
const PAYLOAD = new Uint8Array(64);
export const OWN_AD = new Xid(PrincipalType.AD, new Uint8Array(20).fill(0xad));
const SOURCE = serviceDag(numberedXid(PrincipalType.AD, -1), numberedXid(PrincipalType.HID, -1), numberedXid(PrincipalType.SID, -1));

/** Writes the id of route number `n` of a type: as evenly spread as a hash, and the same in every run. */
function writeId(id: Uint8Array, type: number, n: number): void {
  let state = Math.imul(n + 1, 0x9e3779b1) ^ Math.imul(type, 0x85ebca6b);
  for (let at = 0; at < 20; at += 4) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    writeU32BE(id, at, (mixed ^ (mixed >>> 14)) >>> 0);
  }
}

/** The XID of route number `n`; negative and very large numbers are nobody's. */
export function numberedXid(type: number, n: number): Xid {
  const id = new Uint8Array(20);
  writeId(id, type, n);
  return new Xid(type, id);
}

/** Every route of a workload, in one object that is written anew for each. */
export function* routes(size: WorkloadSize): Iterable<RouteSpec> {
  const id = new Uint8Array(20);
  for (const [type, count] of [
    [PrincipalType.AD, size.ads],
    [PrincipalType.HID, size.hids],
  ] as const) {
    for (let n = 0; n < count; n++) {
      writeId(id, type, n);
      yield { type, id, face: n % FACES, neighbour: 1 + (n % 61) };
    }
  }
}

/** Puts the routes of a workload into an engine. */
export function fill(engine: ForwardingEngine, size: WorkloadSize): void {
  engine.setLocal(OWN_AD);
  for (const { type, id, face, neighbour } of routes(size)) engine.table(type).set(id, face, neighbour);
}

function packet(destination: Dag): Uint8Array {
  return encodeXip({ nextHeader: NextHeader.TRANSPORT, destination, source: SOURCE, payload: PAYLOAD });
}

/**
 * Packets in transit whose destinations are drawn by Zipf's law: a third to hosts of other ADs, a third to hosts of our own AD,
 * which takes two lookups, and a third to content that falls back on its host.
 */
export function transitPackets(size: WorkloadSize, seed = 1): Uint8Array[] {
  const rng = new SeededRandom(seed);
  const [ads, hids] = [new Zipf(size.ads, ZIPF_EXPONENT), new Zipf(size.hids, ZIPF_EXPONENT)];
  const sid = numberedXid(PrincipalType.SID, 0);
  return Array.from({ length: size.packets }, (_, n) => {
    const ad = numberedXid(PrincipalType.AD, ads.draw(rng));
    const hid = numberedXid(PrincipalType.HID, hids.draw(rng));
    if (n % 3 === 0) return packet(serviceDag(ad, hid, sid));
    if (n % 3 === 1) return packet(serviceDag(OWN_AD, hid, sid));
    return packet(contentDag(ad, hid, numberedXid(PrincipalType.CID, n)));
  });
}

/** Edges of the source in {@link fallbackPackets}, so the fallbacks that can be taken are one fewer. */
const WAYS = 4;

/**
 * Packets of one shape, with four ways to their host: `taken` of them lead to ADs that nobody knows, the next one to one that
 * is routed. They differ in nothing else.
 */
export function fallbackPackets(size: WorkloadSize, taken: number, seed = 2): Uint8Array[] {
  const rng = new SeededRandom(seed);
  const ads = new Zipf(size.ads, ZIPF_EXPONENT);
  const hid = numberedXid(PrincipalType.HID, 0);
  return Array.from({ length: size.packets }, (_, n) => {
    const routed = numberedXid(PrincipalType.AD, ads.draw(rng));
    const ways = Array.from({ length: WAYS }, (__, way) => ({
      xid: way === taken ? routed : numberedXid(PrincipalType.AD, 0x4000_0000 + WAYS * n + way),
      edges: [WAYS],
    }));
    return packet(Dag.build([0, 1, 2, 3], [...ways, { xid: hid, edges: [] }]));
  });
}
