import { XiaError } from '../bytes/index.js';
import { parseHostPort, type HostPort } from './socket-address.js';

/** Peers as their datagrams name them, each once. @throws XiaError `bad-endpoint` */
export function parsePeers(face: string, listen: HostPort, texts: readonly string[]): HostPort[] {
  const peers: HostPort[] = [];
  for (const peer of texts.map((text) => parsePeer(face, listen, text))) {
    if (!peers.some((other) => isSameEndpoint(peer, other))) peers.push(peer);
  }
  return peers;
}

function parsePeer(face: string, listen: HostPort, text: string): HostPort {
  const peer = parseHostPort(text);
  if (listen.family === 4 && peer.family === 6) {
    throw new XiaError('bad-endpoint', `face ${face}: peer ${text} needs a face that listens on IPv6`, { text });
  }
  if (peer.port === 0) {
    throw new XiaError('bad-endpoint', `face ${face}: peer ${text} needs a port`, { text });
  }
  const isMapped = listen.family === 6 && peer.family === 4;
  return isMapped ? { ...peer, address: `::ffff:${peer.address}` } : peer;
}

export function isSameEndpoint(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.address === b.address;
}
