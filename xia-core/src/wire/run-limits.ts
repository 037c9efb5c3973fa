/** The most bytes of packets that leave by one system call: the largest UDP payload over IPv4. */
export const MAX_RUN_BYTES = 65_507;
/** How many packets they are at most; Linux takes no more (UDP_MAX_SEGMENTS of its first versions). */
export const MAX_RUN_SEGMENTS = 64;
