import { XiaError } from '../bytes/index.js';
import {
  DEFAULT_ETHERNET_MTU,
  EthernetFace,
  MAX_PACKET_BYTES,
  NetdevFace,
  UdpFace,
  UnixFace,
  DEFAULT_UDP_MTU,
  type Face,
  type UdpOffloadMode,
} from '../io/index.js';
import type { FaceRole } from '../stack/index.js';
import type { Xid } from '../xid/index.js';

/** A face as configuration describes it: exactly one of `udp`, `ethernet`, `netdev`, `unix` and `face`. */
export interface FaceConfig {
  readonly name: string;
  readonly role: FaceRole;
  /** Largest XIP packet in bytes; 1472 by default, 1458 on Ethernet, 65,507 on UNIX sockets. */
  readonly mtu?: number | undefined;
  /** Peer faces: what a packet that leaves here costs, for the choice of ways; 10 by default. */
  readonly cost?: number | undefined;
  /** A UDP socket; `peers` are known before they are heard, and `offload` is what `UdpFaceOptions` says of it, `busy` by default. */
  readonly udp?:
    | { readonly listen: string; readonly peers?: readonly string[] | undefined; readonly offload?: UdpOffloadMode | undefined }
    | undefined;
  /** Ethernet frames in UDP datagrams; MAC addresses are configured or found by XARP. */
  readonly ethernet?:
    | {
        readonly listen: string;
        readonly peers?: readonly string[] | undefined;
        readonly mac?: string | undefined;
        readonly neighbours?: readonly { readonly xid: Xid; readonly mac: string }[] | undefined;
        readonly xarp?: boolean | undefined;
      }
    | undefined;
  /** A UNIX socket that QEMU's `-netdev stream` connects to. */
  readonly netdev?: { readonly path: string } | undefined;
  /**
   * UNIX sockets to nodes of this machine, by their paths: others connect to `listen`, this node connects to `peers`. At least
   * one of the two is needed.
   */
  readonly unix?: { readonly listen?: string | undefined; readonly peers?: readonly string[] | undefined } | undefined;
  /** A face made by the caller, such as one end of a `MemoryFace` pair. */
  readonly face?: Face | undefined;
}

/**
 * @param hid the node's, which is its name on links whose stations have names
 * @throws XiaError `bad-config`
 */
export function makeFace({ name, role, mtu, udp, ethernet, netdev, unix, face }: FaceConfig, hid: Xid): Face {
  const kinds = [udp, ethernet, netdev, unix, face].filter((kind) => kind !== undefined);
  if (kinds.length !== 1)
    throw new XiaError('bad-config', `face ${name}: exactly one of udp, ethernet, netdev, unix and face is needed`, { face: name });
  if (mtu !== undefined && mtu > MAX_PACKET_BYTES)
    throw new XiaError('bad-config', `face ${name}: an MTU of ${mtu} is over ${MAX_PACKET_BYTES}`, { face: name });
  if (udp !== undefined) {
    const { listen, peers = [], offload = 'busy' } = udp;
    return new UdpFace({ name, role, mtu: mtu ?? DEFAULT_UDP_MTU, listen, peers, offload });
  }
  if (ethernet !== undefined) {
    const { listen, peers = [], mac, neighbours = [], xarp } = ethernet;
    return new EthernetFace({ name, role, hid, mtu: mtu ?? DEFAULT_ETHERNET_MTU, listen, peers, mac, neighbours, xarp });
  }
  if (netdev !== undefined) return new NetdevFace({ name, role, mtu: mtu ?? DEFAULT_UDP_MTU, path: netdev.path });
  if (unix !== undefined) return new UnixFace({ name, role, mtu, listen: unix.listen, peers: unix.peers });
  return face!;
}
