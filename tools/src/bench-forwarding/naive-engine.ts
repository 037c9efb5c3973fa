/**
 * The oracle of the forwarding benchmark: the rules of forwarding as plainly as they can be said, with maps of strings and a
 * recursive walk. It shares no code with the engine that it judges, and is the reference that the engine is measured beside.
 */

/** What is done with a packet: the words of the engine's dispositions. */
export type NaiveOutcome =
  | { readonly kind: 'malformed' | 'drop' | 'broadcast' | 'unreachable' | 'time-exceeded' }
  | { readonly kind: 'deliver'; readonly last: number }
  | { readonly kind: 'forward'; readonly face: number; readonly neighbour: number };

interface NaiveNode {
  readonly key: string;
  readonly isService: boolean;
  /** Node indices by priority. */
  readonly edges: readonly number[];
}

interface NaiveEntry {
  readonly face: number;
  readonly neighbour: number;
}

const OURS = -2;
const EVERYBODY = -4;
const NODE_BYTES = 28;
const SERVICE = '00000013';
const LONGEST_PADDED = 46;

export class NaiveEngine {
  readonly #entries = new Map<string, NaiveEntry>();

  constructor() {
    this.#entries.set(`00000011${'ff'.repeat(20)}`, { face: EVERYBODY, neighbour: 0 });
  }

  set(type: number, id: Uint8Array, face: number, neighbour: number): void {
    this.#entries.set(hex(Uint8Array.of(type >>> 24, type >>> 16, type >>> 8, type)) + hex(id), { face, neighbour });
  }

  setLocal(type: number, id: Uint8Array): void {
    this.set(type, id, OURS, 0);
  }

  /** Decides about a packet that came by a face, and writes what is to be written to it. */
  forward(packet: Uint8Array): NaiveOutcome {
    const nodes = readDestination(packet);
    if (nodes === undefined) return { kind: 'malformed' };
    const sink = nodes.length - 1;
    if (nodes[sink]!.edges.length === 0) return { kind: 'drop' };
    if (nodes.some((node, i) => i < sink && node.edges.length === 0)) return { kind: 'drop' };
    if (nodes.some((_, i) => i < sink && reaches(nodes, i, i))) return { kind: 'drop' };
    const last = packet[7]! >= nodes.length ? -1 : packet[7]!;
    return this.#walk(packet, nodes, last < 0 ? sink : last, false);
  }

  #walk(packet: Uint8Array, nodes: readonly NaiveNode[], from: number, heardByAll: boolean): NaiveOutcome {
    for (const [slot, to] of nodes[from]!.edges.entries()) {
      const entry = this.#entries.get(nodes[to]!.key);
      if (entry === undefined) continue;
      if (entry.face >= 0) {
        // A broadcast stays on its link.
        if (heardByAll) continue;
        if (packet[4]! <= 1) return { kind: 'time-exceeded' };
        packet[4]!--;
        return { kind: 'forward', ...entry };
      }
      packet[8 + from * NODE_BYTES + 24 + slot]! |= 0x80;
      packet[7] = to;
      if (to === nodes.length - 1 || nodes[to]!.isService) return { kind: 'deliver', last: to };
      return this.#walk(packet, nodes, to, heardByAll || entry.face === EVERYBODY);
    }
    return { kind: heardByAll ? 'drop' : 'unreachable' };
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** Whether edges lead from one node to another; the slots of the sink are the source's and lead nowhere from it. */
function reaches(nodes: readonly NaiveNode[], from: number, to: number, seen = new Set<number>()): boolean {
  if (from === nodes.length - 1 || seen.has(from)) return false;
  seen.add(from);
  return nodes[from]!.edges.some((next) => next === to || reaches(nodes, next, to, seen));
}

/** The destination, if the whole header is as it must be. */
function readDestination(packet: Uint8Array): NaiveNode[] | undefined {
  if (packet.length < 8 || packet[0] !== 1) return undefined;
  const [destinations, sources] = [packet[5]!, packet[6]!];
  if (destinations === 0 || destinations > 127 || sources > 127) return undefined;
  const headerBytes = 8 + (destinations + sources) * NODE_BYTES;
  if (packet.length < headerBytes || !lengthIsRight(packet, headerBytes)) return undefined;
  const last = packet[7]!;
  if (last >= destinations && last !== 0xff && last !== 0x7e) return undefined;
  const all = Array.from({ length: destinations + sources }, (_, n) => packet.subarray(8 + n * NODE_BYTES, 8 + (n + 1) * NODE_BYTES));
  const isSound = all.every((node, n) =>
    [...node.subarray(24)].every((edge) => (edge & 0x7f) === 0x7f || (edge & 0x7f) < (n < destinations ? destinations : sources)),
  );
  if (!isSound) return undefined;
  return all.slice(0, destinations).map((node) => {
    const edges = [...node.subarray(24)].map((edge) => edge & 0x7f);
    const unused = edges.indexOf(0x7f);
    const key = hex(node.subarray(0, 24));
    return { key, isService: key.startsWith(SERVICE), edges: unused < 0 ? edges : edges.slice(0, unused) };
  });
}

/** The length field counts the payload, but for the content header of a chunk that carries data. Ethernet pads short frames. */
function lengthIsRight(packet: Uint8Array, headerBytes: number): boolean {
  const payload = packet.subarray(headerBytes);
  const carriesChunk = packet[1] === 12 && payload.length >= 5 && payload[2] === 2 && payload[3] === 0 && [2, 6].includes(payload[4]!);
  const expected = packet[2]! * 256 + packet[3]! + (carriesChunk ? payload[1]! : 0);
  return expected === payload.length || (expected < payload.length && packet.length <= LONGEST_PADDED);
}
