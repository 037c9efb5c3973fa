import type { RandomSource } from 'xia-core';

const FIXED_BYTES = 8;
const NODE_BYTES = 28;

/** A copy of a packet with a few of its bytes changed: in the fixed header, in edges, in identifiers, or its length. */
export function mutated(packet: Uint8Array, rng: RandomSource): Uint8Array {
  const copy = packet.slice();
  for (let change = rng.below(4); change >= 0; change--) {
    const node = FIXED_BYTES + NODE_BYTES * rng.below(copy[5]! + 1);
    const kind = rng.below(6);
    if (kind === 0) copy[rng.below(FIXED_BYTES)] = rng.below(256);
    else if (kind === 1) copy[7] = rng.below(copy[5]! + 1);
    else if (kind === 2) copy[4] = rng.below(3);
    else if (kind === 3) copy[Math.min(copy.length - 1, node + rng.below(24))] = rng.below(256);
    else if (kind === 4) copy[Math.min(copy.length - 1, node + 24 + rng.below(4))] = rng.below(copy[5]! + 1);
    else if (rng.below(8) === 0) return copy.subarray(0, rng.below(copy.length + 1));
  }
  return copy;
}
