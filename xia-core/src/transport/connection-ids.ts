/** The ids that both ends chose for a connection, 64 bit each in two halves. The peer's is zero until it is known. */
export interface ConnectionIds {
  readonly localHigh: number;
  readonly localLow: number;
  peerHigh: number;
  peerLow: number;
}

/** A small integer out of an id, to key a Map with; ids of one endpoint are chosen so that no two share it. */
export function connectionKey(low: number): number {
  return low & 0x3fff_ffff;
}
