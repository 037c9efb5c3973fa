import { MobilityKind, NextHeader } from 'xia-core';
import type { PacketFacts } from './packet-facts.js';

/** Where a host has seen a packet, and when. */
export interface SeenPacket {
  readonly face: string;
  readonly direction: 'in' | 'out';
  readonly wallMs: number;
}

/**
 * What the packets at the host that a machine comes to say of the handover. `spoke`: the machine sends its first packet. `asked`: a
 * binding of it leaves for the gateway. `accepted`: the gateway's ack is back. `delivered`: the first packet for it leaves for
 * its network card. `answered`: its first XCMP packet, which is an answer to an echo.
 */
export const sightingNames = ['spoke', 'asked', 'accepted', 'delivered', 'answered'] as const;
export type SightingName = (typeof sightingNames)[number];

/** Faces of a host by what is behind them. */
export interface HostFaces {
  readonly machine: string;
  readonly uplink: string;
}

/** When each thing that a handover consists of was first seen at the host that the machine comes to. */
export class Sightings {
  /** Wall-clock ms. */
  readonly firstMs = new Map<SightingName, number>();
  readonly #guest: string;
  readonly #faces: HostFaces;

  /** @param guest the id of the machine's HID, 40 hexadecimal digits */
  constructor(guest: string, faces: HostFaces) {
    this.#guest = guest;
    this.#faces = faces;
  }

  get isComplete(): boolean {
    return this.firstMs.size === sightingNames.length;
  }

  see(seen: SeenPacket, facts: PacketFacts): void {
    if (seen.face === this.#faces.uplink) return this.#atUplink(seen, facts);
    if (seen.face !== this.#faces.machine) return;
    if (seen.direction === 'out') {
      if (facts.destinationIds.includes(this.#guest)) this.#note('delivered', seen);
      return;
    }
    this.#note('spoke', seen);
    if (facts.nextHeader === NextHeader.XCMP) this.#note('answered', seen);
  }

  #atUplink(seen: SeenPacket, { mobility }: PacketFacts): void {
    if (mobility?.hid !== this.#guest) return;
    if (seen.direction === 'out' && mobility.kind === MobilityKind.BINDING) this.#note('asked', seen);
    if (seen.direction === 'in' && mobility.kind === MobilityKind.BINDING_ACK) this.#note('accepted', seen);
  }

  #note(name: SightingName, { wallMs }: SeenPacket): void {
    if (!this.firstMs.has(name)) this.firstMs.set(name, wallMs);
  }
}
