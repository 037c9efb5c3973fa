import { XiaError } from '../bytes/index.js';
import { MAX_PACKET_BYTES, NetdevFace, UdpFace, DEFAULT_UDP_MTU, type Face, type UdpOffloadMode } from '../io/index.js';
import type { FaceRole } from '../stack/index.js';

/** A face as configuration describes it: exactly one of `udp`, `netdev` and `face`. */
export interface FaceConfig {
  readonly name: string;
  readonly role: FaceRole;
  /** Largest XIP packet in bytes; 1472 by default. */
  readonly mtu?: number | undefined;
  /** Peer faces: what a packet that leaves here costs, for the choice of ways; 10 by default. */
  readonly cost?: number | undefined;
  /** A UDP socket; `peers` are known before they are heard, and `offload` is what `UdpFaceOptions` says of it. */
  readonly udp?:
    | { readonly listen: string; readonly peers?: readonly string[] | undefined; readonly offload?: UdpOffloadMode | undefined }
    | undefined;
  /** A UNIX socket that QEMU's `-netdev stream` connects to. */
  readonly netdev?: { readonly path: string } | undefined;
  /** A face made by the caller, such as one end of a `MemoryFace` pair. */
  readonly face?: Face | undefined;
}

/** @throws XiaError `bad-config` */
export function makeFace({ name, role, mtu = DEFAULT_UDP_MTU, udp, netdev, face }: FaceConfig): Face {
  const kinds = [udp, netdev, face].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) throw new XiaError('bad-config', `face ${name}: exactly one of udp, netdev and face is needed`, { face: name });
  if (mtu > MAX_PACKET_BYTES)
    throw new XiaError('bad-config', `face ${name}: an MTU of ${mtu} is over ${MAX_PACKET_BYTES}`, { face: name });
  if (udp !== undefined) {
    return new UdpFace({ name, role, mtu, listen: udp.listen, peers: udp.peers ?? [], offload: udp.offload ?? 'off' });
  }
  if (netdev !== undefined) return new NetdevFace({ name, role, mtu, path: netdev.path });
  return face!;
}
