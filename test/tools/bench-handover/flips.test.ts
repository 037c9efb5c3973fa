import { MobilityKind } from 'xia-core';
import { describe, expect, it } from 'vitest';
import { Flips } from '../../../tools/src/bench-handover/flips.js';

const { BINDING, BINDING_ACK, PATCH, PATCH_ACK } = MobilityKind;

describe('Flips', () => {
  it('are from what comes in to its answer, of each HID for itself', () => {
    const flips = new Flips();
    const see = (direction: 'in' | 'out', wallMs: number, kind: MobilityKind, hid: string) =>
      flips.see({ face: 'access', direction, wallMs }, { kind, hid });
    see('in', 1, BINDING, 'a');
    see('in', 2, BINDING, 'b');
    see('in', 2.5, PATCH, 'a');
    see('out', 3, BINDING_ACK, 'b');
    see('out', 5, BINDING_ACK, 'a');
    see('out', 6.5, PATCH_ACK, 'a');
    // Its own patches, and answers to them, are nothing that it turns an entry by.
    see('out', 7, PATCH, 'c');
    see('in', 8, PATCH_ACK, 'c');
    see('out', 9, BINDING_ACK, 'a');
    expect(flips.took).toEqual({ binding: [1, 2], patch: [1.5] });
    expect(flips.waited).toEqual({ binding: [1, 4], patch: [4] });
    expect([...flips.bound]).toEqual([
      ['b', 1],
      ['a', 2],
    ]);
  });
});
