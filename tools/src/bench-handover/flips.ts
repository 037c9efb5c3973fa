import { MobilityKind } from 'xia-core';
import type { MobilityFacts } from './packet-facts.js';
import type { SeenPacket } from './sightings.js';

/** What makes a router turn an entry, and what it says when the entry is turned. */
const answers = new Map<MobilityKind, MobilityKind>([
  [MobilityKind.BINDING_ACK, MobilityKind.BINDING],
  [MobilityKind.PATCH_ACK, MobilityKind.PATCH],
]);

/**
 * How long a router takes to turn an entry: from a binding or patch that comes in until its answer leaves, which it does after the entry was
 * turned. Fed with the packets of a capture of that router, in order.
 *
 * Packets that come in together are stamped together: `took` has what each of them takes when those before it are answered,
 * `waited` the time from its stamp on.
 */
export class Flips {
  /** Ms, by what made the router turn the entry. */
  readonly took: Readonly<Record<'binding' | 'patch', number[]>> = { binding: [], patch: [] };
  readonly waited: Readonly<Record<'binding' | 'patch', number[]>> = { binding: [], patch: [] };
  /** HIDs whose bindings were answered, each with how often. */
  readonly bound = new Map<string, number>();
  /** Key -> when it came in. What is answered late, or never, is not kept: the next one of the same HID takes its place. */
  readonly #waiting = new Map<string, number>();
  #answeredMs = -Infinity;

  see({ direction, wallMs }: SeenPacket, { kind, hid }: MobilityFacts): void {
    if (direction === 'in' && (kind === MobilityKind.BINDING || kind === MobilityKind.PATCH)) this.#waiting.set(`${kind} ${hid}`, wallMs);
    const asked = direction === 'out' ? answers.get(kind) : undefined;
    if (asked === undefined) return;
    if (asked === MobilityKind.BINDING) this.bound.set(hid, (this.bound.get(hid) ?? 0) + 1);
    const key = `${asked} ${hid}`;
    const cameMs = this.#waiting.get(key);
    if (cameMs === undefined || !this.#waiting.delete(key)) return;
    const what = asked === MobilityKind.BINDING ? 'binding' : 'patch';
    this.took[what].push(wallMs - Math.max(cameMs, this.#answeredMs));
    this.waited[what].push(wallMs - cameMs);
    this.#answeredMs = wallMs;
  }
}
