import { FROM_FACE, XipView, type Disposition, type ForwardingEngine } from 'xia-core';
import type { NaiveEngine, NaiveOutcome } from './naive-engine.js';

const FROM = 1000;
const HOP_LIMIT = 250;

/** Packets that can be forwarded again and again: what forwarding wrote is undone before. */
export class TransitPackets {
  readonly packets: readonly Uint8Array[];
  readonly #edges: readonly number[];
  readonly #view = new XipView();

  constructor(packets: readonly Uint8Array[]) {
    this.packets = packets;
    // Where the edges of the source are: with destinations of our AD, forwarding marks the first one.
    this.#edges = packets.map((packet) => 8 + 28 * packet[5]! - 4);
  }

  restore(n: number): Uint8Array {
    const packet = this.packets[n]!;
    const edge = this.#edges[n]!;
    packet[4] = HOP_LIMIT;
    packet[7] = 0xff;
    packet[edge] = packet[edge]! & 0x7f;
    return packet;
  }

  /** Checks and forwards each packet once. Returns a number that depends on every decision. */
  forwardAll(engine: ForwardingEngine): number {
    const view = this.#view;
    let sum = 0;
    for (let n = 0; n < this.packets.length; n++) {
      if (view.reset(this.restore(n)) === undefined) sum += engine.forward(view, FROM, FROM_FACE) + engine.outFace;
    }
    return sum;
  }

  /** The same by the naive engine. */
  forwardAllNaively(engine: NaiveEngine): number {
    let sum = 0;
    for (let n = 0; n < this.packets.length; n++) sum += engine.forward(this.restore(n)).kind.length;
    return sum;
  }
}

const KINDS: Readonly<Record<Disposition, NaiveOutcome['kind']>> = {
  0: 'drop',
  1: 'forward',
  2: 'deliver',
  3: 'broadcast',
  4: 'unreachable',
  5: 'time-exceeded',
};

/** What the engine does with a packet, in the words of the naive one. */
export function decide(engine: ForwardingEngine, packet: Uint8Array): NaiveOutcome {
  const view = new XipView();
  if (view.reset(packet) !== undefined) return { kind: 'malformed' };
  const kind = KINDS[engine.forward(view, FROM, FROM_FACE)];
  if (kind === 'forward') return { kind, face: engine.outFace, neighbour: engine.outNeighbour };
  return kind === 'deliver' ? { kind, last: view.last } : { kind };
}

/** How the two engines differ about a packet, or undefined: in what they decide or in what they write to it. */
export function difference(engine: ForwardingEngine, naive: NaiveEngine, packet: Uint8Array): string | undefined {
  const [one, other] = [packet.slice(), packet.slice()];
  const [decided, expected] = [decide(engine, one), naive.forward(other)];
  if (JSON.stringify(decided) !== JSON.stringify(expected)) return `${JSON.stringify(decided)} is not ${JSON.stringify(expected)}`;
  // A packet that goes no further may have been marked up to where it failed.
  const goesOn = decided.kind === 'forward' || decided.kind === 'deliver';
  return goesOn && Buffer.compare(one, other) !== 0 ? `${decided.kind}: other bytes are written` : undefined;
}
