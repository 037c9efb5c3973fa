import { XiaNode, type CongestionName } from 'xia-core';

/** How an end attaches to its router. */
export interface Attachment {
  /** Where the end itself listens, `ADDRESS:PORT`. Any port by default. */
  readonly listen?: string;
  /** `ADDRESS:PORT` of the router's access face, or of a link to it. */
  readonly router: string;
  readonly mtu: number;
  readonly offload: 'auto' | 'off';
  /** The default one if undefined. */
  readonly congestion?: CongestionName;
}

/** Starts the node of an end of a transfer, attached to a router. */
export async function startEndNode({ listen = '127.0.0.1:0', router, mtu, offload, congestion }: Attachment): Promise<XiaNode> {
  return XiaNode.start({
    role: 'application',
    congestion,
    faces: [{ name: 'up', role: 'uplink', mtu, udp: { listen, peers: [router], offload } }],
  });
}
