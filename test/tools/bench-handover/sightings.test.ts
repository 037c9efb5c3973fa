import { MobilityKind, NextHeader } from 'xia-core';
import { describe, expect, it } from 'vitest';
import type { PacketFacts } from '../../../tools/src/bench-handover/packet-facts.js';
import { Sightings } from '../../../tools/src/bench-handover/sightings.js';

const guest = 'a'.repeat(40);
const stranger = 'b'.repeat(40);
const packet = (facts: Partial<PacketFacts> = {}): PacketFacts => ({
  nextHeader: NextHeader.TRANSPORT,
  destinationIds: [],
  mobility: undefined,
  ...facts,
});
const about = (kind: MobilityKind, hid = guest) => packet({ mobility: { kind, hid } });

describe('Sightings', () => {
  it('has the first of each, whoever comes first', () => {
    const sightings = new Sightings(guest, { machine: 'vm0', uplink: 'up' });
    const see = (face: string, direction: 'in' | 'out', wallMs: number, facts: PacketFacts) =>
      sightings.see({ face, direction, wallMs }, facts);
    // A beacon to the machine, the host's own binding, and what the patch of somebody else brings.
    see('vm0', 'out', 1, packet());
    see('up', 'out', 2, about(MobilityKind.BINDING, stranger));
    see('up', 'in', 3, about(MobilityKind.BINDING_ACK, stranger));
    see('up', 'in', 4, packet({ destinationIds: [guest] }));
    see('apps', 'out', 5, packet({ destinationIds: [guest] }));
    expect(sightings.firstMs.size).toBe(0);
    see('up', 'out', 10, about(MobilityKind.BINDING));
    see('vm0', 'in', 11, about(MobilityKind.BINDING));
    see('up', 'in', 12, about(MobilityKind.BINDING_ACK));
    see('vm0', 'out', 13, packet({ nextHeader: NextHeader.XCMP, destinationIds: [stranger, guest] }));
    expect(sightings.isComplete).toBe(false);
    see('vm0', 'in', 14, packet({ nextHeader: NextHeader.XCMP }));
    see('vm0', 'in', 15, packet({ nextHeader: NextHeader.XCMP }));
    see('up', 'out', 16, about(MobilityKind.BINDING));
    expect(sightings.isComplete).toBe(true);
    expect(Object.fromEntries(sightings.firstMs)).toEqual({ asked: 10, spoke: 11, accepted: 12, delivered: 13, answered: 14 });
  });
});
