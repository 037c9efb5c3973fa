/** Numbers of the pcapng file format (draft-ietf-opsawg-pcapng), as far as they are written or read here. */
export const BlockType = {
  SECTION_HEADER: 0x0a0d0d0a,
  INTERFACE_DESCRIPTION: 1,
  SIMPLE_PACKET: 3,
  INTERFACE_STATISTICS: 5,
  ENHANCED_PACKET: 6,
} as const;

export const ByteOrderMagic = 0x1a2b3c4d;

export const OptionCode = {
  END: 0,
  USER_APPLICATION: 4,
  INTERFACE_NAME: 2,
  INTERFACE_DESCRIPTION: 3,
  INTERFACE_TIMESTAMP_RESOLUTION: 9,
  INTERFACE_TIMESTAMP_OFFSET: 14,
  PACKET_FLAGS: 2,
  STATISTICS_RECEIVED: 4,
  STATISTICS_DROPPED: 5,
} as const;

/** Bits of the flags of a packet: which way it went, and to how many. */
export const PacketFlag = { INBOUND: 1, OUTBOUND: 2, DIRECTION_MASK: 3, UNICAST: 4, BROADCAST: 12 } as const;
