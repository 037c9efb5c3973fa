import { BROADCAST_MAC, encodeEthernet, EtherType, MAC_BYTES } from 'xia-core';

/** Two bits of the first byte say that the address is administered locally and of one station; `XI` follows. */
const PREFIX = [0x02, 0x58, 0x49] as const;

/**
 * The MAC address that a capture gives to a neighbour of a face, for the sake of programs that know Ethernet only: `02:58:49`, the
 * face counted from 1, and the neighbour's number. The node itself is neighbour 0.
 */
function syntheticMac(interfaceId: number, neighbour: number): Uint8Array {
  return Uint8Array.of(...PREFIX, (interfaceId + 1) & 0xff, (neighbour >> 8) & 0xff, neighbour & 0xff);
}

/** The neighbour's number in such an address, 0 for every neighbour; undefined for another station's. */
function neighbourOf(mac: Uint8Array): number | undefined {
  if (mac.every((byte) => byte === 0xff)) return 0;
  if (PREFIX.some((byte, index) => mac[index] !== byte)) return undefined;
  return (mac[4]! << 8) | mac[5]!;
}

/** A packet as the frame in which a capture has it. */
export function syntheticFrame(interfaceId: number, direction: 'in' | 'out', neighbour: number, packet: Uint8Array): Uint8Array {
  const own = syntheticMac(interfaceId, 0);
  const other = neighbour === 0 ? BROADCAST_MAC : syntheticMac(interfaceId, neighbour);
  return direction === 'in' ? encodeEthernet(own, other, EtherType.XIP, packet) : encodeEthernet(other, own, EtherType.XIP, packet);
}

/** The neighbour that such a frame came from or goes to; undefined when its addresses are not synthetic. */
export function frameNeighbour(frame: Uint8Array, direction: 'in' | 'out' | undefined): number | undefined {
  if (direction === undefined || frame.length < 2 * MAC_BYTES) return undefined;
  return neighbourOf(direction === 'in' ? frame.subarray(MAC_BYTES, 2 * MAC_BYTES) : frame.subarray(0, MAC_BYTES));
}
