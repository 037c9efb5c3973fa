import { XiaNode } from 'xia-core';

/** How an end attaches to its router. */
export interface Attachment {
  /** `ADDRESS:PORT` of the router's access face. */
  readonly router: string;
  readonly mtu: number;
  readonly offload: 'auto' | 'off';
}

/** Starts the node of an end of a transfer, attached to a router. */
export async function startEndNode({ router, mtu, offload }: Attachment): Promise<XiaNode> {
  return XiaNode.start({
    role: 'application',
    faces: [{ name: 'up', role: 'uplink', mtu, udp: { listen: '127.0.0.1:0', peers: [router], offload } }],
  });
}
