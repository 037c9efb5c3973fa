/** What a connection counts while it runs. */
export interface ConnectionCounters {
  packetsSent: number;
  packetsReceived: number;
  packetsLost: number;
  packetsDuplicate: number;
  /** Packets not taken in: an absurd number, too many pieces, acknowledgement of what was never sent. */
  packetsRefused: number;
  /** Stream bytes sent, with repetitions; those of them that were repetitions; bytes received in order. */
  bytesSent: number;
  bytesResent: number;
  bytesReceived: number;
  /** Packets sent because nothing was heard. */
  probes: number;
  /** Packets sent to try their size. */
  mtuProbes: number;
  /** Verified moves of the peer, and REBINDs that were refused. */
  peerMoves: number;
  rebindsRefused: number;
}

export function newConnectionCounters(): ConnectionCounters {
  return {
    packetsSent: 0,
    packetsReceived: 0,
    packetsLost: 0,
    packetsDuplicate: 0,
    packetsRefused: 0,
    bytesSent: 0,
    bytesResent: 0,
    bytesReceived: 0,
    probes: 0,
    mtuProbes: 0,
    peerMoves: 0,
    rebindsRefused: 0,
  };
}
